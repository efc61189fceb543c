import DoormanFleet
import Testing

@Suite("The content of a fleet secret file")
struct FleetSecretsContentTests {
    private static let first = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    private static let second = String(first.reversed()).uppercased()
    private static let bytes = [UInt8](0..<32)

    @Test("one or two lines are read, with or without a line break at the end")
    func valid() throws {
        #expect(try FleetSecrets.Content(parsing: Self.first).secrets == [Self.bytes])
        #expect(try FleetSecrets.Content(parsing: Self.first + "\n").secrets == [Self.bytes])
        #expect(try FleetSecrets.Content(parsing: Self.first.uppercased()).secrets == [Self.bytes])
        for end in ["", "\n"] {
            let secrets = try FleetSecrets.Content(parsing: Self.second + "\n" + Self.first + end).secrets
            #expect(secrets.count == 2)
            #expect(secrets[1] == Self.bytes)
            #expect(secrets[0].prefix(2) == [0xf1, 0xe1])
        }
    }

    private static let zeros = String(repeating: "0", count: 64)

    private static let wrong: [(text: String, error: FleetSecrets.ContentError)] = [
        ("", .empty), ("\n", .empty), ("\n\n", .empty),
        (first.dropLast() + "", .length(line: 1, bytes: 63)), (first + "0", .length(line: 1, bytes: 65)),
        (" " + first, .length(line: 1, bytes: 65)), (first + "\r\n", .length(line: 1, bytes: 65)),
        (first + "\n\n", .length(line: 2, bytes: 0)), ("\n" + first, .length(line: 1, bytes: 0)),
        (first + "\n\n" + second, .length(line: 2, bytes: 0)), (first + " " + second, .length(line: 1, bytes: 129)),
        (first + "\n" + second + "\n" + first, .furtherLine), (first + "\n" + second + "\n\n", .furtherLine),
        (first + "\n" + second + "\n" + first + "\n" + second, .furtherLine),
        (first.replacing("1f", with: "1g"), .digit(line: 1, column: 64)),
        (first.replacing("0001", with: "0x01"), .digit(line: 1, column: 2)),
        (first + "\n" + second.replacing("F1", with: "é"), .digit(line: 2, column: 1)),
        (first + "\n" + first.uppercased(), .repeatedSecret),
        (zeros, .uniform(line: 1)), (first + "\n" + String(repeating: "fF", count: 32), .uniform(line: 2)),
    ]

    @Test("other text is refused for a reason with its line", arguments: wrong.indices)
    func refused(_ index: Int) {
        #expect(throws: Self.wrong[index].error) { try FleetSecrets.Content(parsing: Self.wrong[index].text) }
    }

    @Test("a description has nothing of the text")
    func descriptions() {
        #expect(
            "\(FleetSecrets.ContentError.length(line: 2, bytes: 63))" == "has 63 bytes in line 2, and needs 64 hexadecimal digits")
        for (text, error) in Self.wrong where text.utf8.count >= 63 {
            for start in text.indices.dropLast(8) {
                let piece = text[start...].prefix(8)
                #expect(!error.description.contains(piece))
            }
        }
    }
}
