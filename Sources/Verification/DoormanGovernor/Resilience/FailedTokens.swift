internal import DoormanCore
internal import DoormanSupport

/// The tokens that just failed although the provider responded, with their errors.
///
/// An odd response about one token does not open the circuit breaker, since it may be the only token with that trouble. Without this
/// memory, a caller that repeats the token would cause a provider request each time.
struct FailedTokens: Sendable {
    /// The time for which a failure is remembered.
    static let time = Duration.seconds(1)
    /// The maximum number of tokens. The oldest is forgotten first.
    static let maximumTokens = 4_096

    private struct Failure {
        let ticket: UInt64
        let error: VerificationError
        let end: Instant
        /// The end of the time that the provider named; `end` if it named none.
        let retryTime: Instant
    }

    /// The failures by the token's hash.
    private var failures: [Int: Failure] = [:]
    /// The hashes in order of their failures.
    private var order = WaitQueue<Int>()
    private var lastTicket: UInt64 = 0

    var count: Int { failures.count }

    /// Remembers the failure of a token, if its cause may be the token alone: if the provider responded, and accepted our credential.
    mutating func note(_ error: VerificationError, of token: Int, at now: Instant) {
        let mayBeToken =
            switch error.code {
            case .providerUnavailable: error.scope != .credential
            case .providerMisconfigured: error.scope == .request
            default: false
            }
        guard error.request == .responded, mayBeToken else { return }
        forget(token)
        if failures.count >= Self.maximumTokens, let (_, oldest) = order.popFirst() { failures[oldest] = nil }
        lastTicket += 1
        order.append(token, ticket: lastTicket)
        let end = now.advanced(by: Self.time)
        failures[token] = Failure(
            ticket: lastTicket, error: error, end: end, retryTime: max(end, now.advanced(by: error.retryAfter ?? .zero)))
    }

    mutating func forget(_ token: Int) {
        guard let failure = failures.removeValue(forKey: token) else { return }
        _ = order.remove(ticket: failure.ticket)
    }

    /// Returns the error of a call about the token that comes now; `nil` if the call needs a provider request.
    mutating func failure(of token: Int, at now: Instant) -> VerificationError? {
        guard let failure = failures[token] else { return nil }
        guard now < failure.end else {
            forget(token)
            return nil
        }
        // A retry does not help against our own configuration.
        let retryAfter = failure.error.code == .providerUnavailable ? now.duration(to: failure.retryTime) : nil
        return VerificationError(
            failure.error.code, failure.error.message, retryAfter: retryAfter, scope: failure.error.scope)
    }
}
