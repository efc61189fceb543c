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
            while true {
                wakeUp.wait()
                writeAll()
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

    private func writeAll() {
        let count = unwritten.withLockedValue { $0 }
        var unreported = LogQueue.Dropped()
        while let next = queue.next() {
            switch next {
            case .write(let line): if !DescriptorOutput.write(line, to: descriptor) { queue.dropLast() }
            case .report(let dropped): if !DescriptorOutput.write(report(dropped), to: descriptor) { unreported.add(dropped) }
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

/// The text that a log handler writes.
private final class CollectedLines: TextOutputStream, Sendable {
    private let collected = NIOLockedValueBox("")

    var text: String { collected.withLockedValue { $0 } }

    func write(_ text: String) { collected.withLockedValue { $0 += text } }
}
