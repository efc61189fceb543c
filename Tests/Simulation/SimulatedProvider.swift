internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A provider in a ``World``. The seed decides its latency, failures, throttling, lost responses, secrets and revocations.
///
/// It is not TestKit's `ScriptedProvider`, because it uses time and seed of the world and tells the ledger the truth.
final class SimulatedProvider: Sendable {
    enum Condition: Sendable, CaseIterable {
        case healthy
        /// Every call fails after its latency.
        case down
        /// Calls are carried out, but their responses get lost.
        case silent
        /// Every call is throttled.
        case throttling
        /// The responses are malformed.
        case malformed
    }

    private struct State {
        var condition = Condition.healthy
        var isFast = false
        var spentCodes: Set<AuthorizationCode> = []
        /// The number of the secret that the provider accepts, by application.
        var secrets: [String: Int] = [:]
    }

    let world: World
    let ledger: NIOLockedValueBox<Ledger>
    private let longestLag: Duration
    private let state = NIOLockedValueBox(State())

    /// - Parameter longestLag: The longest time for which it calls a token valid after it revoked it.
    init(world: World, ledger: NIOLockedValueBox<Ledger>, longestLag: Duration) {
        self.world = world
        self.ledger = ledger
        self.longestLag = longestLag
    }

    /// Makes later calls take one millisecond.
    func becomeFast() {
        state.withLockedValue { $0.isFast = true }
    }

    func set(_ condition: Condition) {
        state.withLockedValue { $0.condition = condition }
    }

    /// Accepts another secret of the application from now on. The first secret has the number 0.
    func changeSecret(of application: String, to number: Int) {
        state.withLockedValue { $0.secrets[application] = number }
    }

    func accepts(secret number: Int, of application: String) -> Bool {
        state.withLockedValue { $0.secrets[application, default: 0] == number }
    }

    /// Records that a code is used.
    ///
    /// - Returns: Whether it was used for the first time.
    func spend(_ code: AuthorizationCode) -> Bool {
        state.withLockedValue { $0.spentCodes.insert(code).inserted }
    }

    /// Revokes the tokens that match. Verifications may lag behind that.
    ///
    /// - Returns: The number of valid tokens that were revoked.
    func revoke(at now: Instant, where isMatch: (Token, Ledger.Fact) -> Bool) -> Int {
        let lag = world.draw { $0.chance(50) ? .zero : $0.duration(.zero...longestLag) }
        return ledger.withLockedValue { ledger in
            var count = 0
            for (token, fact) in ledger.facts where fact.revokedAt == nil && isMatch(token, fact) {
                ledger.facts[token]?.revokedAt = now
                ledger.facts[token]?.isValidUntil = now.advanced(by: lag)
                count += 1
            }
            return count
        }
    }

    // MARK: - One call

    /// - Parameters:
    ///   - application: The application that makes the call.
    ///   - token: The token to verify; `nil` for a call of another kind.
    ///   - work: Called when the request arrives. Returns a closure to call when the response arrives.
    func call<Response>(
        of application: String, about token: Token?, deadline: Deadline,
        _ work: @escaping (Instant) throws(VerificationError) -> (Instant) -> Response
    ) async throws(VerificationError) -> Response {
        let began = world.now
        ledger.withLockedValue { $0.providerCallBegan(application, token, now: began) }
        defer { ledger.withLockedValue { $0.providerCallEnded(application, token, began: began) } }
        let isFast = state.withLockedValue { $0.isFast }
        let (there, back) = world.draw { random in
            if isFast { return (Duration.zero, Duration.milliseconds(1)) }
            let longest: Duration = random.chance(5) ? .seconds(2) : .milliseconds(300)
            return (random.duration(.zero...longest), random.duration(.zero...longest))
        }
        try await wait(there, deadline)
        switch state.withLockedValue({ $0.condition }) {
        case .healthy:
            let finish = Result { () throws(VerificationError) in try work(world.now) }
            try await wait(back, deadline)
            return try finish.get()(world.now)
        case .silent:
            _ = try? work(world.now)
            await world.sleep(until: deadline.instant)
            throw VerificationError(.deadlineExceeded, "No response arrived.")
        case .down:
            try await wait(back, deadline)
            throw VerificationError(.providerUnavailable, "The provider is down.")
        case .malformed:
            try await wait(back, deadline)
            if let token {
                ledger.withLockedValue { [now = world.now] in $0.providerResponseMalformed(application, token, now: now) }
            }
            throw VerificationError(.providerUnavailable, "The response is malformed.", scope: .request, hasResponse: true)
        case .throttling:
            try await wait(back, deadline)
            let retryAfter: Duration? = world.draw { $0.chance(50) ? nil : $0.duration(.zero ... .seconds(5)) }
            let now = world.now
            ledger.withLockedValue { $0.providerThrottled(application, began, retryAfter: retryAfter, now: now) }
            throw VerificationError(.providerBusy, "The provider throttles.", retryAfter: retryAfter)
        }
    }

    private func wait(_ time: Duration, _ deadline: Deadline) async throws(VerificationError) {
        let end = world.now.advanced(by: time)
        guard end < deadline.instant else {
            await world.sleep(until: deadline.instant)
            throw VerificationError(.deadlineExceeded, "No response arrived in time.")
        }
        await world.sleep(until: end)
    }
}
