internal import DoormanCore
package import DoormanWire

/// What is counted while calls are made.
package struct BenchCounters: Sendable {
    /// The most reasons that are told apart, of refusals and of failures: a server could make up any number.
    private static let mostReasons = 64

    package private(set) var identified = 0
    package private(set) var rejected: [String: Int] = [:]
    package private(set) var failed: [String: Int] = [:]
    package private(set) var latencies = BenchLatencyHistogram()
    /// Answers that came within the window, whenever their calls were made.
    package private(set) var answers = 0
    package private(set) var bytesSent = 0
    package private(set) var bytesReceived = 0

    package init() {}

    /// A call that counts came to its end. One that failed took the time until it was given up: left out, the slowest would make
    /// the rest look good.
    mutating func count(_ outcome: CallOutcome, after latency: Duration) {
        latencies.record(latency)
        switch outcome {
        case .identified: identified += 1
        case .rejected(let reason): Self.add(1, reason, &rejected)
        case .failed(let reason): Self.add(1, reason, &failed)
        }
    }

    mutating func countAnswer() { answers += 1 }
    mutating func countSent(bytes: Int) { bytesSent += bytes }
    mutating func countReceived(bytes: Int) { bytesReceived += bytes }

    package mutating func add(_ other: BenchCounters) {
        identified += other.identified
        for (reason, count) in other.rejected { Self.add(count, reason, &rejected) }
        for (reason, count) in other.failed { Self.add(count, reason, &failed) }
        latencies.add(other.latencies)
        answers += other.answers
        bytesSent += other.bytesSent
        bytesReceived += other.bytesReceived
    }

    private static func add(_ count: Int, _ reason: String, _ counts: inout [String: Int]) {
        let reason = counts.count < mostReasons || counts[reason] != nil ? reason : "OTHER"
        counts[reason, default: 0] += count
    }
}

/// What became of a call. As everywhere, a refusal and a failure to ask are two things.
package enum CallOutcome: Sendable, Hashable {
    case identified
    /// The server's reason, such as `TOKEN_REJECTED`.
    case rejected(String)
    /// The server's reason or code, or one of ours below.
    case failed(String)

    /// Not answered in time.
    package static let deadline = CallOutcome.failed("DEADLINE")
    /// Not sent in time: every call that may be in flight was.
    package static let notSent = CallOutcome.failed("NOT_SENT")
    /// The connection ended first.
    package static let connectionLost = CallOutcome.failed("CONNECTION_LOST")
    /// What came is not what a Doorman server sends.
    package static let protocolViolation = CallOutcome.failed("PROTOCOL_VIOLATION")
    /// The server will close the connection.
    static let draining = CallOutcome(code: .unavailable, failure: .draining)

    /// Reads the data of a response frame.
    package init(_ data: Span<UInt8>, in arena: MessageArena) {
        switch ResponseDecoder.isIdentity(data, in: arena) {
        case .success: self = .identified
        case .failure(let status): self.init(code: status.code, failure: status.failure)
        case .malformed: self = .protocolViolation
        }
    }

    /// A reason that this version does not know is counted by its code, as there may be any number of them.
    private init(code: StatusCode, failure: Failure?) {
        switch failure {
        case .tokenRejected, .wrongApplication, .proofRejected, .malformedToken:
            self = .rejected(failure?.row.reason ?? code.description)
        case let failure?: self = .failed(failure.row.reason ?? code.description)
        case nil where code == .unauthenticated: self = .rejected(code.description)
        case nil: self = .failed(code.description)
        }
    }
}
