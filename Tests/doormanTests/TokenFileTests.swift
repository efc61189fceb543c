import DoormanClient
import Foundation
import Testing

@testable import doorman

@Suite("Token files")
struct TokenFileTests {
    private func tokens(_ text: String, path: String = "-") throws -> [Token] {
        var rest = Array(text.utf8)
        let reader = LineReader(maximumLength: TokenFile.maximumTokenBytes) {
            defer { rest = [] }
            return rest
        }
        return try TokenFile(path: path).tokens(of: reader)
    }

    /// Returns the error message of a file that cannot be used.
    private func message(_ read: () throws -> [Token]) -> String? {
        do {
            _ = try read()
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("a file holds one token per line", arguments: ["a\nb\n", "\na\r\n\r\nb", "a\nb"])
    func lines(text: String) throws {
        #expect(try tokens(text) == [Token("a"), Token("b")])
    }

    @Test("the number and length of tokens are limited")
    func limits() throws {
        let longest = "EMAW" + String(repeating: "x", count: TokenFile.maximumTokenBytes - 4)
        #expect(try tokens(longest) == [Token(longest)])
        let tooLong = message { try tokens("a\n\(longest)x\n") }
        #expect(tooLong?.contains("line 2 of standard input") == true)
        #expect(tooLong?.contains("EMAW") == false)
        #expect(message { try tokens("\n\n") }?.contains("holds no token") == true)
        let many = String(repeating: "a\n", count: TokenFile.maximumTokens)
        #expect(try tokens(many).count == TokenFile.maximumTokens)
        #expect(message { try tokens(many + "a\n") }?.contains("more than 100000 tokens") == true)
    }

    @Test("the error of an unreadable file names its path and the cause")
    func disk() throws {
        let path = NSTemporaryDirectory() + "doorman-tokens-\(UUID().uuidString)"
        try Data("EMAWone\nEMAWtwo\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try TokenFile(path: path).read() == [Token("EMAWone"), Token("EMAWtwo")])
        #expect(
            message { try TokenFile(path: "/nonexistent/tokens").read() }
                == "cannot read '/nonexistent/tokens': no such file or directory")
    }
}
