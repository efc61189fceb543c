import DoormanCore
import DoormanSupport
import Testing

@Suite("The position of a revocation")
struct RevocationPositionTests {
    @Test("has 1 to 64 bytes", arguments: [(0, false), (1, true), (64, true), (65, false), (1000, false)])
    func length(count: Int, isValid: Bool) {
        let bytes = Array(repeating: UInt8(7), count: count)
        #expect(RevocationPosition(validating: bytes)?.bytes == (isValid ? bytes : nil))
    }

    @Test("survives its text", arguments: 1...64)
    func text(count: Int) throws {
        var random = SplitMix64(seed: UInt64(count))
        let position = RevocationPosition(bytes: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(RevocationPosition("\(position)") == position)
        #expect(position.description.utf8.count == (count * 4 + 2) / 3)
    }

    @Test(
        "has a text in base64url without padding (RFC 4648, section 10)",
        arguments: [("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy")])
    func vectors(bytes: String, text: String) {
        #expect(RevocationPosition(bytes: Array(bytes.utf8)).description == text)
        #expect(RevocationPosition(text)?.bytes == Array(bytes.utf8))
    }

    @Test(
        "has one text: no padding, white space, other alphabet or spare bits",
        arguments: ["", "Z", "Zg==", "Zh", "Zm9", " Zg", "Zg\n", "Z g", "+_8", "/w", "Zgä", String(repeating: "A", count: 87)])
    func otherTexts(text: String) {
        #expect(RevocationPosition(text) == nil)
    }
}
