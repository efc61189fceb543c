internal import NIOConcurrencyHelpers

/// Whether this server knows every revocation that is older than the revocation bound, so that it may serve every entry of its cache.
///
/// Open until a time that only moves forward. The server of no fleet is open forever.
package final class RevocationGate: Sendable {
    private let end: NIOLockedValueBox<Instant>

    /// - Parameter end: The end of the time for which the gate is open. Default: it never ends.
    package init(openUntil end: Instant = .distantFuture) {
        self.end = NIOLockedValueBox(end)
    }

    /// The end of the time for which the gate is open.
    package var openUntil: Instant { end.withLockedValue { $0 } }

    package func isOpen(at now: Instant) -> Bool { now < openUntil }

    /// Keeps the gate open until a later time. Does nothing if it is open longer.
    package func extend(until moment: Instant) {
        end.withLockedValue { $0 = max($0, moment) }
    }
}

/// What one event loop knows of the gate. A call costs it one comparison; it takes the gate's lock only when the gate may have closed.
package struct RevocationGateCopy {
    private let gate: RevocationGate
    private var openUntil: Instant

    package init(of gate: RevocationGate) {
        self.gate = gate
        openUntil = gate.openUntil
    }

    @inline(__always)
    package mutating func isOpen(at now: Instant) -> Bool { now < openUntil || lookAgain(now) }

    @inline(never)
    private mutating func lookAgain(_ now: Instant) -> Bool {
        openUntil = gate.openUntil
        return now < openUntil
    }
}
