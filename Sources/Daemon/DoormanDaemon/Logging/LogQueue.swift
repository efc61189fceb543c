internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The log lines that wait to be written. Adding a line never waits: a line that finds the queue full is dropped and counted, and so is a
/// line that can't be written.
///
/// Audit lines have a queue of their own, so that a flood of other lines drops none of them. Both queues leave in the order in which
/// their lines came.
final class LogQueue: Sendable {
    /// The queue of a line.
    enum Kind {
        case ordinary
        /// A line about an act that an operator must be able to find later, such as the deletion of an account.
        case audit
    }

    /// The numbers of lines that were dropped since the last report.
    struct Dropped: Hashable {
        var ordinary = 0
        var audit = 0

        mutating func add(_ other: Dropped) {
            ordinary += other.ordinary
            audit += other.audit
        }
    }

    /// The next step of the writer.
    enum Next: Hashable {
        /// Reports dropped lines.
        case report(Dropped)
        case write(String)
    }

    /// The bounds of one queue.
    struct Limits {
        var lines = 10_000
        var bytes = 4 << 20
    }

    private struct Lines {
        private var waiting = FIFOQueue<(number: UInt64, text: String)>()
        private var bytes = 0

        /// The number of the first line. `nil` if there is no line.
        var number: UInt64? { waiting.first?.number }

        /// Returns whether the line has been added.
        mutating func add(_ text: String, number: UInt64, limits: Limits) -> Bool {
            guard waiting.count < limits.lines, bytes + text.utf8.count <= limits.bytes else { return false }
            waiting.append((number, text))
            bytes += text.utf8.count
            return true
        }

        mutating func removeFirst() -> String? {
            guard let line = waiting.popFirst() else { return nil }
            bytes -= line.text.utf8.count
            return line.text
        }
    }

    private struct State {
        var ordinary = Lines()
        var audit = Lines()
        /// The dropped lines that are not reported yet.
        var dropped = Dropped()
        /// All dropped lines.
        var droppedCount: UInt64 = 0
        /// The number of lines so far.
        var count: UInt64 = 0
        /// The queue of the line that left last.
        var last = Kind.ordinary

        mutating func drop(_ kind: Kind) {
            droppedCount += 1
            dropped.add(kind == .audit ? Dropped(audit: 1) : Dropped(ordinary: 1))
        }
    }

    private let state = NIOLockedValueBox(State())
    private let limits: Limits

    /// - Parameter limits: The bounds of each of the two queues. By default 10,000 lines and 4 MiB.
    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    func add(_ text: String, _ kind: Kind) {
        state.withLockedValue { state in
            state.count += 1
            let isAdded =
                switch kind {
                case .ordinary: state.ordinary.add(text, number: state.count, limits: limits)
                case .audit: state.audit.add(text, number: state.count, limits: limits)
                }
            if !isAdded { state.drop(kind) }
        }
    }

    /// Counts the line that ``next()`` returned last as dropped, because it could not be written.
    func dropLast() {
        state.withLockedValue { $0.drop($0.last) }
    }

    /// Has dropped lines reported by a later ``next()``, because their report could not be written.
    func reportAgain(_ dropped: Dropped) {
        state.withLockedValue { $0.dropped.add(dropped) }
    }

    /// The number of lines that were dropped, reported or not.
    var droppedCount: UInt64 { state.withLockedValue { $0.droppedCount } }

    /// Removes the next line, or the report of dropped lines, which comes first. Returns `nil` if no line waits.
    func next() -> Next? {
        state.withLockedValue { state in
            if state.dropped != Dropped() {
                defer { state.dropped = Dropped() }
                return .report(state.dropped)
            }
            let isAuditNext = state.audit.number ?? .max < state.ordinary.number ?? .max
            state.last = isAuditNext ? .audit : .ordinary
            return (isAuditNext ? state.audit.removeFirst() : state.ordinary.removeFirst()).map { .write($0) }
        }
    }
}
