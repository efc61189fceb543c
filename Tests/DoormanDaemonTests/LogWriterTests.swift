import Foundation
import Glibc
import Logging
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Writer of log lines")
struct LogWriterTests {
    /// A pipe whose writing end the log gets.
    private final class LogPipe: Sendable {
        let (reading, writing): (Int32, Int32)

        init(flags: Int32 = 0) throws {
            var ends: [Int32] = [0, 0]
            guard unsafe pipe(&ends) == 0 else { throw NeverHappened(description: "no pipe: errno \(errno)") }
            (reading, writing) = (ends[0], ends[1])
            _ = fcntl(writing, F_SETFL, flags)
        }

        /// Fills the pipe, so that a write would block.
        func fill() {
            let (bytes, flags) = ([UInt8](repeating: 0x20, count: 4096), fcntl(writing, F_GETFL))
            _ = fcntl(writing, F_SETFL, flags | O_NONBLOCK)
            while unsafe write(writing, bytes, bytes.count) > 0 {}
            _ = fcntl(writing, F_SETFL, flags)
        }

        /// Reads the text that is in the pipe, up to a word.
        func read(until word: String) async throws -> String {
            _ = fcntl(reading, F_SETFL, O_NONBLOCK)
            var text = ""
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            try await eventually("\(word) is in the pipe") {
                let count = unsafe Glibc.read(reading, &bytes, bytes.count)
                if count > 0 { text += String(decoding: bytes[..<count], as: UTF8.self) }
                return text.contains(word)
            }
            return text
        }

        deinit {
            close(reading)
            close(writing)
        }
    }

    /// The lines that a log handler writes.
    private final class Lines: TextOutputStream, Sendable {
        let all = NIOLockedValueBox<[String]>([])

        func write(_ line: String) { all.withLockedValue { $0.append(line) } }
    }

    /// Removes the time, which may differ by a second.
    private func withoutTime(_ line: String) -> Substring { line.drop { $0 != " " } }

    @Test("a line has the format of StreamLogHandler")
    func format() throws {
        let (writer, lines) = (LogWriter(), Lines())
        let loggers = [
            Logger(label: "doormand", factory: { QueuedLogHandler(label: $0, writer: writer) }),
            Logger(label: "doormand", factory: { StreamLogHandler(label: $0, stream: lines, metadataProvider: nil) }),
        ]
        for logger in loggers {
            var named = logger
            named[metadataKey: "name"] = "a"
            logger.info("plain")
            logger.debug("not logged")
            named.warning("named", metadata: ["list": ["1", "2"]])
            logger.error("an act", metadata: ["audit": "act", "caller": "uid:0"])
        }
        let expected = lines.all.withLockedValue { $0 }
        #expect(expected.count == 3)
        for line in expected {
            guard case .write(let text)? = writer.queue.next() else {
                Issue.record("a line is missing")
                continue
            }
            #expect(withoutTime(text) == withoutTime(line))
        }
    }

    @Test("a line with the metadata of an audit event is an audit line", arguments: [false, true])
    func marker(isOfLogger: Bool) {
        let writer = LogWriter(queue: LogQueue(limits: LogQueue.Limits(lines: 1, bytes: 1000)))
        var logger = Logger(label: "doormand", factory: { QueuedLogHandler(label: $0, writer: writer) })
        logger.info("flood")
        logger.info("flood")
        if isOfLogger { logger[metadataKey: "audit"] = "act" }
        logger.info("an act", metadata: isOfLogger ? [:] : ["audit": "act"])
        #expect(writer.queue.next() == .report(LogQueue.Dropped(ordinary: 1)))
        _ = writer.queue.next()
        guard case .write(let text)? = writer.queue.next() else {
            Issue.record("the audit line is missing")
            return
        }
        #expect(text.contains("audit=act") && text.hasSuffix("an act\n"))
    }

    @Test("lines arrive complete and in order, also through a descriptor that never blocks", arguments: [0, O_NONBLOCK])
    func order(flags: Int32) async throws {
        let pipe = try LogPipe(flags: flags)
        let writer = LogWriter(descriptor: pipe.writing)
        let lines = (0..<500).map { "\($0) " + String(repeating: "x", count: $0 * 20) + "\n" }
        for line in lines { writer.add(line, .ordinary) }
        writer.start()
        writer.add("end\n", .ordinary)
        #expect(try await pipe.read(until: "end\n") == lines.joined() + "end\n")
    }

    @Test("a full pipe delays neither the logger nor a shutdown, and dropped lines are reported")
    func unread() async throws {
        let pipe = try LogPipe()
        pipe.fill()
        let writer = LogWriter(descriptor: pipe.writing, queue: LogQueue(limits: LogQueue.Limits(lines: 10, bytes: 1000)))
        writer.start()
        let start = ContinuousClock.now
        for index in 0..<100_000 { writer.add("\(index)\n", .ordinary) }
        writer.add("an act\n", .audit)
        await writer.flush(within: .milliseconds(50))
        #expect(ContinuousClock.now - start < .seconds(10))
        let text = try await pipe.read(until: "an act\n")
        #expect(text.contains("dropped log lines, because standard error could not be written, or was not read fast enough"))
        let lines = text.split(separator: "\n")
        let dropped = lines.compactMap { $0.firstMatch(of: /audit_lines=0 lines=(\d+)/).flatMap { Int($0.1) } }.reduce(0, +)
        let written = lines.count { Int($0.trimmingCharacters(in: .whitespaces)) != nil }
        #expect(written + dropped == 100_000)
        #expect(writer.queue.droppedCount == UInt64(dropped))
        #expect((10...11).contains(written))
        await writer.flush()
    }

    @Test("a flush waits until all lines are written")
    func flush() async throws {
        let pipe = try LogPipe()
        let writer = LogWriter(descriptor: pipe.writing)
        writer.start()
        for _ in 0..<100 { writer.add("line\n", .ordinary) }
        await writer.flush(within: .seconds(20))
        var bytes = [UInt8](repeating: 0, count: 1000)
        #expect(unsafe read(pipe.reading, &bytes, bytes.count) == 500)
    }

    @Test("a reader that is gone costs its lines only")
    func closed() async throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        close(ends[0])
        let writer = LogWriter(descriptor: ends[1])
        writer.start()
        for _ in 0..<100 { writer.add("line\n", .ordinary) }
        await writer.flush(within: .seconds(20))
        #expect(writer.queue.droppedCount == 100)
        close(ends[1])
    }

    @Test("lines that a full log has lost are counted, and reported once it can be written again")
    func full() async throws {
        let pipe = try LogPipe()
        let descriptor = dup(pipe.writing)
        defer { close(descriptor) }
        let full = unsafe open("/dev/full", O_WRONLY)
        #expect(dup2(full, descriptor) == descriptor)
        close(full)
        let writer = LogWriter(descriptor: descriptor)
        writer.start()
        for _ in 0..<10 { writer.add("line\n", .ordinary) }
        writer.add("an act\n", .audit)
        await writer.flush(within: .seconds(20))
        #expect(writer.queue.droppedCount == 11)
        #expect(dup2(pipe.writing, descriptor) == descriptor)
        writer.add("after\n", .ordinary)
        let text = try await pipe.read(until: "after\n")
        #expect(text.contains("dropped log lines") && text.contains("audit_lines=1 lines=10"))
        #expect(!text.hasPrefix("\n"), "no part of a line was written")
        #expect(writer.queue.droppedCount == 11)
    }

    @Test("the line after a torn line begins on a line of its own")
    func torn() async throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        let (reading, descriptor) = (ends[0], ends[1])
        defer { close(descriptor) }
        let writer = LogWriter(descriptor: descriptor)
        writer.start()
        // Longer than a pipe can be: the writer waits in the middle of the line, and loses the rest with the reader.
        writer.add(String(repeating: "x", count: 1 << 21) + "\n", .ordinary)
        try await eventually("a part of the line is written") {
            var request = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            return unsafe poll(&request, 1, 0) == 1
        }
        close(reading)
        await writer.flush(within: .seconds(20))
        #expect(writer.queue.droppedCount == 1)
        let pipe = try LogPipe()
        #expect(dup2(pipe.writing, descriptor) == descriptor)
        writer.add("after\n", .ordinary)
        let text = try await pipe.read(until: "after\n")
        #expect(text.hasPrefix("\n") && text.contains("dropped log lines") && !text.contains("\n\n"), "\(text)")
        writer.add("later\n", .ordinary)
        #expect(try await pipe.read(until: "later\n") == "later\n")
    }
}
