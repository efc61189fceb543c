internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A provider in a ``World`` that answers each question after the same time, and can be taken down. It knows every token that
/// begins with `good`, and counts.
///
/// Not TestKit's `ScriptedProvider`: it answers in the world's time, with a latency, and knows how many calls were under way at once.
final class SteadyProvider: TokenProvider {
    enum Health: Sendable {
        case up
        /// Calls fail after the same time.
        case failing
        /// Calls are never answered.
        case hanging
    }

    private struct State {
        var health = Health.up
        var calls: [Instant] = []
        var underWay = 0
        var most = 0
    }

    private let world: World
    private let latency: Duration
    private let state = NIOLockedValueBox(State())

    init(world: World, latency: Duration) {
        self.world = world
        self.latency = latency
    }

    func set(_ health: Health) {
        state.withLockedValue { $0.health = health }
    }

    /// When calls began.
    var calls: [Instant] { state.withLockedValue { $0.calls } }

    /// The most calls that were ever under way at once.
    var mostAtOnce: Int { state.withLockedValue { $0.most } }

    func validateSyntax(of token: Token) -> Rejection? { nil }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let now = world.now
        let health = state.withLockedValue { state in
            state.calls.append(now)
            state.underWay += 1
            state.most = max(state.most, state.underWay)
            return state.health
        }
        defer { state.withLockedValue { $0.underWay -= 1 } }
        let end = now.advanced(by: latency)
        await world.sleep(until: health == .hanging ? deadline.instant : min(end, deadline.instant))
        guard health != .hanging, end < deadline.instant else { throw VerificationError(.deadlineExceeded, "No answer came.") }
        guard health == .up else { throw VerificationError(.providerUnavailable, "It is down.") }
        guard request.token.bytes.starts(with: "good".utf8) else {
            return .rejected(Rejection(.tokenRejected, "No such token."))
        }
        return .valid(Identity(accountID: "1", applicationID: "10", provider: "steady", verifiedAt: world.wallTime))
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "It has no codes.")
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        throw VerificationError(.unsupported, "It revokes nothing.")
    }
}
