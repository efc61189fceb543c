import ArgumentParser
import Testing

@testable import doorman

@Suite("Sources of secrets")
struct SecretSourceTests {
    @Test(
        "a secret comes from an argument, a file, or standard input",
        arguments: [
            ("EMAW", nil, .argument("EMAW", kind: "token")), ("-", nil, .standardInput(kind: "token")),
            (nil, nil, .standardInput(kind: "token")), (nil, "/f", .file("/f", kind: "token")),
        ] as [(String?, String?, SecretSource)])
    func source(argument: String?, file: String?, expected: SecretSource) throws {
        #expect(try SecretSource(argument: argument, file: file, kind: "token") == expected)
    }

    @Test("two sources are an error", arguments: ["EMAW", "-"])
    func two(argument: String) {
        #expect(throws: (any Error).self) { try SecretSource(argument: argument, file: "/f", kind: "token") }
    }

    @Test(
        "only one newline at the end is removed",
        arguments: [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a\r", "a\r"), ("a", "a")])
    func newline(text: String, expected: String) throws {
        #expect(try SecretSource.validate(Array(text.utf8), "token") == Array(expected.utf8))
    }

    @Test("a secret of 1 byte to 64 KiB is valid")
    func limits() throws {
        let longest = [UInt8](repeating: 0x61, count: SecretSource.maximumBytes)
        #expect(try SecretSource.validate(longest, "token") == longest)
        for bytes in [[], [0x0a], longest + [0x61]] as [[UInt8]] {
            #expect(throws: (any Error).self) { try SecretSource.validate(bytes, "token") }
        }
    }

    @Test("the error of an unreadable file names the path and the cause")
    func missingFile() {
        let error = #expect(throws: ValidationError.self) {
            try SecretSource(argument: nil, file: "/nonexistent/token", kind: "token").read()
        }
        #expect(error?.message == "cannot read '/nonexistent/token': no such file or directory")
    }
}
