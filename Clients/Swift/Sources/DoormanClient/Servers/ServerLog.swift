internal import DoormanSupport
internal import Logging
internal import NIOCore

/// Writes the lines of the log about one server. Confined to the client's event loop.
final class ServerLog {
    private var availability = ServerAvailability()
    private let logger: Logger
    private let time: EventLoopTime
    /// The timer until the server counts as back.
    private var timer: Scheduled<Void>?
    private var isEnded = false

    /// - Parameter logger: Names the server in its metadata.
    init(_ logger: Logger, time: EventLoopTime) {
        self.logger = logger
        self.time = time
    }

    /// The server takes no calls for this reason.
    func failed(_ failure: ConnectFailure) {
        note { $0.failed(at: time.now) }.map { write($0, failure) }
    }

    /// The server said that it takes no further calls.
    func drained() {
        note { $0.drained(at: time.now) }.map { write($0) }
    }

    /// The server responded on a connection that takes calls.
    func responded() {
        guard !isEnded, availability.responded(at: time.now) else { return }
        timer = time.schedule(in: ServerAvailability.stableTime) {
            self.timer = nil
            if let line = self.availability.stayed() { self.write(line) }
        }
    }

    /// The client no longer uses the server, which is no loss.
    func end() {
        isEnded = true
        timer?.cancel()
        timer = nil
    }

    private func note(_ event: (inout ServerAvailability) -> ServerAvailability.Line?) -> ServerAvailability.Line? {
        guard !isEnded else { return nil }
        timer?.cancel()
        timer = nil
        return event(&availability)
    }

    private func write(_ line: ServerAvailability.Line, _ failure: ConnectFailure = .other) {
        switch line {
        case .unreachable:
            logger.warning("cannot reach server, no call goes to it until it responds", metadata: ["reason": "\(failure)"])
        case .lost:
            logger.warning("server lost, no call goes to it until it responds again", metadata: ["reason": "\(failure)"])
        case .draining: logger.info("server drains, calls move to other servers")
        case .back(let absence):
            logger.notice("server takes calls again", metadata: ["away_seconds": "\(absence.secondsText)"])
        }
    }
}

extension Duration {
    /// The seconds with three decimals: `2.250`.
    var secondsText: String {
        let milliseconds = String(Int((self / .milliseconds(1)).rounded()))
        let padded = String(repeating: "0", count: max(0, 4 - milliseconds.count)) + milliseconds
        return "\(padded.dropLast(3)).\(padded.suffix(3))"
    }
}
