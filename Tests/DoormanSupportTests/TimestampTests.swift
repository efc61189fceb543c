import DoormanCore
import DoormanSupport
import Testing

@Suite("Timestamps by ISO 8601")
struct TimestampTests {
    @Test(
        "a time is formatted in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_500_000_000_000, "2017-07-14T02:40:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (1_704_067_199_001, "2023-12-31T23:59:59.001Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func iso8601(milliseconds: Int64, text: String) {
        #expect(Timestamp(millisecondsSince1970: milliseconds).iso8601 == text)
    }

    @Test("extreme times do not overflow", arguments: [Int64.min, Int64.min + 1, Int64.max - 1])
    func ends(milliseconds: Int64) {
        #expect(Timestamp(millisecondsSince1970: milliseconds).iso8601 != nil)
    }

    @Test("the distant future has no date")
    func distantFuture() {
        #expect(Timestamp.distantFuture.iso8601 == nil)
    }
}
