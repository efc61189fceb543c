internal import Dispatch
internal import Foundation
internal import Logging
internal import NIOConcurrencyHelpers

/// Writes the log to a descriptor on a thread of its own, so that no other thread waits for the log's reader.
final class LogWriter: Sendable {
    /// The maximum time that a shutdown waits for the log's reader.
    static let flushTimeout = Duration.milliseconds(500)

    let queue: LogQueue
    let format: LogFormat
    private let descriptor: Int32
    private let wakeUp = DispatchSemaphore(value: 0)
    /// The number of lines whose writing the thread has not confirmed. It is zero only if all lines are written or dropped.
    private let unwritten = NIOLockedValueBox(0)

    /// - Parameters:
    ///   - descriptor: The descriptor of the log. By default standard error.
    ///   - format: The format of the lines. By default text.
    init(descriptor: Int32 = 2, format: LogFormat = .text, queue: LogQueue = LogQueue()) {
        self.descriptor = descriptor
        self.format = format
        self.queue = queue
    }

    /// Starts the thread, which runs until the process ends. Lines that were added before are written, too.
    func start() {
        let thread = Thread { [self] in
            var output = LineOutput(descriptor: descriptor)
            while true {
                wakeUp.wait()
                writeAll(to: &output)
            }
        }
        thread.name = "log"
        thread.start()
    }

    func add(_ line: String, _ kind: LogQueue.Kind) {
        queue.add(line, kind)
        unwritten.withLockedValue { $0 += 1 }
        wakeUp.signal()
    }

    /// Waits until all lines so far are written, or until the time is over because nothing reads them.
    func flush(within limit: Duration = LogWriter.flushTimeout) async {
        let end = ContinuousClock.now.advanced(by: limit)
        while unwritten.withLockedValue({ $0 > 0 }), ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(5)) }
    }

    private func writeAll(to output: inout LineOutput) {
        let count = unwritten.withLockedValue { $0 }
        var unreported = LogQueue.Dropped()
        while let next = queue.next() {
            switch next {
            case .write(let line): if !output.write(line) { queue.dropLast() }
            case .report(let dropped): if !output.write(report(dropped)) { unreported.add(dropped) }
            }
        }
        // Not before: a log that can't be written would be tried without end.
        queue.reportAgain(unreported)
        unwritten.withLockedValue { $0 -= count }
    }

    /// Returns the line about dropped lines, in the format of the others.
    private func report(_ dropped: LogQueue.Dropped) -> String {
        let lines = CollectedLines()
        var logger = Logger(label: "doormand", factory: { [format] in format.makeHandler(label: $0, stream: lines) })
        logger.logLevel = .warning
        logger.warning(
            "dropped log lines, because standard error could not be written, or was not read fast enough",
            metadata: ["lines": "\(dropped.ordinary)", "audit_lines": "\(dropped.audit)"])
        return lines.text
    }
}

/// Writes lines to a descriptor, each of them at the beginning of a line: a full disk may have taken a part of the line before.
private struct LineOutput {
    let descriptor: Int32
    /// Whether the last byte that was written does not end its line.
    private var isLineTorn = false

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// - Returns: Whether the whole line is written.
    mutating func write(_ line: String) -> Bool {
        let text = isLineTorn ? "\n" + line : line
        let rest = DescriptorOutput.write(text, to: descriptor)
        let written = text.utf8.count - rest.count
        if written > 0 { isLineTorn = text.utf8.prefix(written).last != UInt8(ascii: "\n") }
        return rest.isEmpty
    }
}

/// The text that a log handler writes.
private final class CollectedLines: TextOutputStream, Sendable {
    private let collected = NIOLockedValueBox("")

    var text: String { collected.withLockedValue { $0 } }

    func write(_ text: String) { collected.withLockedValue { $0 += text } }
}
