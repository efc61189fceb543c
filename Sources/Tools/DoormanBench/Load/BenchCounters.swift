internal import DoormanCore
package import DoormanWire

/// The counters of a load.
package struct BenchCounters: Sendable {
    /// Maximum distinct reasons of rejections, and of failures. Further reasons count as `OTHER`, because a server could make up any
    /// number.
    private static let maxReasons = 64

    package private(set) var identified = 0
    package private(set) var rejected: [String: Int] = [:]
    package private(set) var failed: [String: Int] = [:]
    package private(set) var latencies = BenchLatencyHistogram()
    /// Responses that arrived within the window, including responses to calls from before it.
    package private(set) var responses = 0
    package private(set) var bytesSent = 0
    package private(set) var bytesReceived = 0

    package init() {}

    /// Counts the end of a call. A failed call counts with the time until it was given up. Without it, the slowest calls would improve
    /// the latencies.
    mutating func count(_ outcome: CallOutcome, after latency: Duration) {
        latencies.record(latency)
        switch outcome {
        case .identified: identified += 1
        case .rejected(let reason): Self.add(1, reason, &rejected)
        case .failed(let reason): Self.add(1, reason, &failed)
        }
    }

    mutating func countResponse() { responses += 1 }
    mutating func countSent(bytes: Int) { bytesSent += bytes }
    mutating func countReceived(bytes: Int) { bytesReceived += bytes }

    package mutating func add(_ other: BenchCounters) {
        identified += other.identified
        for (reason, count) in other.rejected { Self.add(count, reason, &rejected) }
        for (reason, count) in other.failed { Self.add(count, reason, &failed) }
        latencies.add(other.latencies)
        responses += other.responses
        bytesSent += other.bytesSent
        bytesReceived += other.bytesReceived
    }

    private static func add(_ count: Int, _ reason: String, _ counts: inout [String: Int]) {
        let reason = counts.count < maxReasons || counts[reason] != nil ? reason : "OTHER"
        counts[reason, default: 0] += count
    }
}

/// The outcome of a call. A rejection and a failure are kept apart, as everywhere.
package enum CallOutcome: Sendable, Hashable {
    case identified
    /// The server's reason, such as `TOKEN_REJECTED`.
    case rejected(String)
    /// The server's reason or code, or a reason of this program below.
    case failed(String)

    /// No response arrived in time.
    package static let deadline = CallOutcome.failed("DEADLINE")
    /// No slot was free in time to send the call.
    package static let notSent = CallOutcome.failed("NOT_SENT")
    /// The connection ended before the response.
    package static let connectionLost = CallOutcome.failed("CONNECTION_LOST")
    /// The bytes received are not a Doorman server's.
    package static let protocolViolation = CallOutcome.failed("PROTOCOL_VIOLATION")
    /// The server is draining and will close the connection.
    static let draining = CallOutcome(code: .unavailable, failure: .draining)

    /// Decodes the data of a response frame.
    package init(_ data: Span<UInt8>, in arena: MessageArena) {
        switch ResponseDecoder.isIdentity(data, in: arena) {
        case .success: self = .identified
        case .failure(let status): self.init(code: status.code, failure: status.failure)
        case .malformed: self = .protocolViolation
        }
    }

    /// Counts a reason that this version does not know by its code, because there may be any number of such reasons.
    private init(code: StatusCode, failure: Failure?) {
        switch failure {
        case .tokenRejected, .wrongApplication, .wrongProvider, .proofRejected, .malformedToken:
            self = .rejected(failure?.row.reason ?? code.description)
        case let failure?: self = .failed(failure.row.reason ?? code.description)
        case nil where code == .unauthenticated: self = .rejected(code.description)
        case nil: self = .failed(code.description)
        }
    }
}
