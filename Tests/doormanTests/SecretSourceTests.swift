import Testing

@testable import doorman

@Suite("where secrets come from")
struct SecretSourceTests {
    @Test(
        "an argument, a file, or standard input",
        arguments: [
            ("EMAW", nil, .argument("EMAW", what: "token")), ("-", nil, .standardInput(what: "token")),
            (nil, nil, .standardInput(what: "token")), (nil, "/f", .file("/f", what: "token")),
        ] as [(String?, String?, SecretSource)])
    func source(argument: String?, file: String?, expected: SecretSource) throws {
        #expect(try SecretSource(argument: argument, file: file, what: "token") == expected)
    }

    @Test("two sources are one too many", arguments: ["EMAW", "-"])
    func two(argument: String) {
        #expect(throws: (any Error).self) { try SecretSource(argument: argument, file: "/f", what: "token") }
    }

    @Test(
        "one newline at the end is no part of a secret, and nothing else is taken off",
        arguments: [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a\r", "a\r"), ("a", "a")])
    func newline(text: String, expected: String) throws {
        #expect(try SecretSource.usable(Array(text.utf8), "token") == Array(expected.utf8))
    }

    @Test("nothing, and more than a frame holds, is rejected before anybody is asked")
    func limits() throws {
        let longest = [UInt8](repeating: 0x61, count: SecretSource.maximumBytes)
        #expect(try SecretSource.usable(longest, "token") == longest)
        for bytes in [[], [0x0a], longest + [0x61]] as [[UInt8]] {
            #expect(throws: (any Error).self) { try SecretSource.usable(bytes, "token") }
        }
    }
}
