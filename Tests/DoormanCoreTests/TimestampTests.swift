import DoormanCore
import Testing

@Suite("Timestamps")
struct TimestampTests {
    let moment = Timestamp(millisecondsSince1970: 1_500_000_000_000)

    @Test("steps forward and back")
    func steps() {
        #expect(moment.advanced(by: .seconds(60)) == Timestamp(millisecondsSince1970: 1_500_000_060_000))
        #expect(moment.advanced(by: .milliseconds(-1)) == Timestamp(millisecondsSince1970: 1_499_999_999_999))
        #expect(moment.advanced(by: .zero) == moment)
    }

    @Test("parts of a millisecond are rounded down")
    func rounding() {
        #expect(moment.advanced(by: .microseconds(1999)) == Timestamp(millisecondsSince1970: 1_500_000_000_001))
        #expect(moment.advanced(by: .microseconds(-1)) == Timestamp(millisecondsSince1970: 1_499_999_999_999))
        #expect(moment.advanced(by: .milliseconds(-2)) == Timestamp(millisecondsSince1970: 1_499_999_999_998))
    }

    @Test("a step beyond the maximum is clamped")
    func end() {
        #expect(Timestamp.distantFuture.advanced(by: .milliseconds(1)) == .distantFuture)
        #expect(moment.advanced(by: .seconds(Int64.max)) == .distantFuture)
        #expect(moment.advanced(by: .milliseconds(Int64.max)) == .distantFuture)
    }

    @Test("a step below the minimum is clamped")
    func beginning() {
        let beginning = Timestamp(millisecondsSince1970: .min)
        #expect(beginning.advanced(by: .milliseconds(-1)) == beginning)
        #expect(moment.advanced(by: .seconds(Int64.min)) == beginning)
    }

    @Test("earlier timestamps are less than later ones")
    func order() {
        #expect(Timestamp(millisecondsSince1970: -1) < Timestamp(millisecondsSince1970: 0))
        #expect(moment < .distantFuture)
    }
}
