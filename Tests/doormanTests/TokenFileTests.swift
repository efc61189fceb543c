import DoormanClient
import Foundation
import Testing

@testable import doorman

@Suite("files of tokens")
struct TokenFileTests {
    private func tokens(_ text: String, path: String = "-") throws -> [Token] {
        var rest = Array(text.utf8)
        let reader = LineReader(longest: TokenFile.longestToken) {
            defer { rest = [] }
            return rest
        }
        return try TokenFile(path: path).tokens(of: reader)
    }

    /// The complaint about a file that can't be used.
    private func complaint(_ read: () throws -> [Token]) -> String? {
        do {
            _ = try read()
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("hold one a line, with empty lines passed over", arguments: ["a\nb\n", "\na\r\n\r\nb", "a\nb"])
    func lines(text: String) throws {
        #expect(try tokens(text) == [Token("a"), Token("b")])
    }

    @Test("are bounded, and no complaint repeats a line")
    func bounds() throws {
        let longest = "EMAW" + String(repeating: "x", count: TokenFile.longestToken - 4)
        #expect(try tokens(longest) == [Token(longest)])
        let tooLong = complaint { try tokens("a\n\(longest)x\n") }
        #expect(tooLong?.contains("line 2 of standard input") == true)
        #expect(tooLong?.contains("EMAW") == false)
        #expect(complaint { try tokens("\n\n") }?.contains("holds no token") == true)
        let many = String(repeating: "a\n", count: TokenFile.mostTokens)
        #expect(try tokens(many).count == TokenFile.mostTokens)
        #expect(complaint { try tokens(many + "a\n") }?.contains("more than 100000 tokens") == true)
    }

    @Test("are read from the disk, or said not to be")
    func disk() throws {
        let path = NSTemporaryDirectory() + "doorman-tokens-\(UUID().uuidString)"
        try Data("EMAWone\nEMAWtwo\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try TokenFile(path: path).read() == [Token("EMAWone"), Token("EMAWtwo")])
        #expect(complaint { try TokenFile(path: "/nonexistent/tokens").read() }?.contains("'/nonexistent/tokens'") == true)
    }
}
