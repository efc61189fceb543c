import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing

@testable import DoormanDaemon

@Suite("Formats of log lines")
struct LogFormatTests {
    private final class Text: TextOutputStream, Sendable {
        let all = NIOLockedValueBox("")

        func write(_ text: String) { all.withLockedValue { $0 += text } }
    }

    /// The path of a socket that a peer chose to look like an audit line.
    private static let forged =
        "/tmp/x\n2026-11-29T12:00:00+0000 notice doormand: audit=account_deletion caller=uid:0 [DoormanServer] forged\r\u{1b}[2K\u{7f}\u{85}"
        + "\u{202e}\u{2028}é"

    private func line(_ format: LogFormat) -> String {
        let text = Text()
        let logger = Logger(label: "doormand", factory: { format.makeHandler(label: $0, stream: text) })
        logger.info("closed a connection", metadata: ["peer": "\(Self.forged)"])
        return text.all.withLockedValue { $0 }
    }

    @Test("a text that a peer chose stays on its line and steers no terminal", arguments: LogFormat.allCases)
    func forgedLine(format: LogFormat) {
        let line = line(format)
        #expect(line.hasSuffix("\n"))
        #expect(line.unicodeScalars.dropLast().allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
        #expect(!line.unicodeScalars.contains("\u{202e}") && !line.unicodeScalars.contains("\u{2028}"))
        #expect(line.contains("forged\\r\\u001b[2K\\u007f\\u0085\\u202e\\u2028é"))
    }

    @Test("the journal gets the priority of each level")
    func priorities() {
        let text = Text()
        var logger = Logger(label: "doormand", factory: { LogFormat.journal.makeHandler(label: $0, stream: text) })
        logger.logLevel = .trace
        logger[metadataKey: "b"] = "2"
        for level in Logger.Level.allCases { logger.log(level: level, "x", metadata: ["a": "1"]) }
        #expect(text.all.withLockedValue { $0 } == [7, 7, 6, 5, 4, 3, 2].map { "<\($0)>x a=1 b=2\n" }.joined())
    }

    @Test("JSON gives back the text of a peer")
    func json() throws {
        let members = try JSONSerialization.jsonObject(with: Data(line(.json).utf8)) as? [String: String]
        #expect(members?["peer"] == Self.forged)
    }
}
