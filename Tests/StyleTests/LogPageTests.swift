import Testing

/// Every line that an operator may see at the level `info` is on the page of the log.
@Suite("Reference page of the log")
struct LogPageTests {
    /// Calls of loggers, and the constants that are passed to them. The message is the first literal.
    private static let patterns = [
        #"logger\.(?:info|notice|error)\(\s*"([^"\\]+)""#, #"[ (](?:began|ended): "([^"\\]+)""#,
        #"Act\(name: "\w+", level: \.\w+, message: "([^"\\]+)""#, #"\.(?:notice|warning|error), about: "\w+",\s*"([^"\\]+)""#,
    ]

    /// The messages in the server's modules.
    private static func messages() throws -> Set<String> {
        var messages: Set<String> = []
        for file in SourceTree.files where ["DoormanServer", "DoormanDaemon", "DoormanAdmin"].contains(file.module ?? "") {
            let text = file.lines.joined(separator: "\n")
            for pattern in patterns {
                for match in text.matches(of: try Regex(pattern, as: (Substring, Substring).self)) {
                    messages.insert(String(match.output.1))
                }
            }
        }
        return messages
    }

    @Test("the page has the message of each line above debug")
    func messages() throws {
        let page = try #require(SourceTree.files.first { $0.path == "docs/reference/log.md" })
        let text = page.lines.joined(separator: "\n")
        let messages = try Self.messages()
        #expect(messages.count >= 35, "the patterns find the messages")
        for message in messages.sorted() where !text.contains("`\(message)`") {
            Issue.record("docs/reference/log.md does not have the log message: \(message)")
        }
    }
}
