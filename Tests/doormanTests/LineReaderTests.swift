import Testing

@testable import doorman

@Suite("Lines of standard input")
struct LineReaderTests {
    /// Reads input that arrives in these pieces.
    private func events(_ pieces: [[UInt8]?]) -> [LineReader.Event] {
        var rest = pieces[...]
        var reader = LineReader { rest.isEmpty ? [] : rest.removeFirst() }
        var events: [LineReader.Event] = []
        while events.count < 100 {
            let event = reader.next()
            if event == .end { break }
            events.append(event)
            if event == .unreadable { break }
        }
        return events
    }

    @Test("lines do not depend on the pieces in which they arrive", arguments: [1, 2, 3, 100])
    func pieces(size: Int) {
        let bytes = Array("1\n22\r\n\n333".utf8)
        let pieces = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        let lines = [("1", 1), ("22", 2), ("", 3), ("333", 4)]
        #expect(events(pieces) == lines.map { .line($0.0, number: $0.1) })
    }

    @Test("a line is returned before the next arrives")
    func streaming() {
        var reads = 0
        var reader = LineReader {
            reads += 1
            return Array("1\n".utf8)
        }
        #expect(reader.next() == .line("1", number: 1))
        #expect(reads == 1)
    }

    @Test("a line that is too long is reported before its end arrives")
    func tooLong() {
        let longest = Array(repeating: UInt8(ascii: "1"), count: LineReader.defaultMaximumLength)
        let line = String(repeating: "1", count: LineReader.defaultMaximumLength)
        #expect(events([longest + Array("\n".utf8)]) == [.line(line, number: 1)])
        #expect(events([longest + Array("1\n2\n".utf8)]).first == .tooLong(number: 1))
        var reader = LineReader { longest }
        #expect(reader.next() == .tooLong(number: 1))
    }

    @Test("a failed read does not return the unfinished line")
    func unreadable() {
        #expect(events([Array("1".utf8), nil]) == [.unreadable])
        #expect(events([]).isEmpty)
    }
}
