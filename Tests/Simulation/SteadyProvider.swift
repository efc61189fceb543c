internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A provider in a ``World`` with constant latency, which can be taken down. It accepts every token that begins with `good`, and
/// counts its calls.
///
/// It is not TestKit's `ScriptedProvider`, because it has a latency in the world's time and counts concurrent calls.
final class SteadyProvider: TokenProvider {
    enum Health: Sendable {
        case up
        /// Calls fail after the latency.
        case failing
        /// Calls get no response.
        case hanging
    }

    private struct State {
        var health = Health.up
        var calls: [Instant] = []
        var concurrent = 0
        var maxConcurrent = 0
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

    /// The start of each call.
    var calls: [Instant] { state.withLockedValue { $0.calls } }

    /// Maximum calls that were in flight at once.
    var maxConcurrent: Int { state.withLockedValue { $0.maxConcurrent } }

    func validateSyntax(of token: Token) -> Rejection? { nil }

    func equivalents(of token: Token, naming provider: String?) -> [Token] { [] }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let now = world.now
        let health = state.withLockedValue { state in
            state.calls.append(now)
            state.concurrent += 1
            state.maxConcurrent = max(state.maxConcurrent, state.concurrent)
            return state.health
        }
        defer { state.withLockedValue { $0.concurrent -= 1 } }
        let end = now.advanced(by: latency)
        await world.sleep(until: health == .hanging ? deadline.instant : min(end, deadline.instant))
        guard health != .hanging, end < deadline.instant else { throw VerificationError(.deadlineExceeded, "No response arrived.") }
        guard health == .up else { throw VerificationError(.providerUnavailable, "The provider is down.") }
        guard request.token.bytes.starts(with: "good".utf8) else {
            return .rejected(Rejection(.tokenRejected, "No such token."))
        }
        return .valid(Identity(accountID: "1", applicationID: "10", provider: "steady", verifiedAt: world.wallTime))
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "This provider has no codes.")
    }

    func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        throw VerificationError(.unsupported, "This provider can't revoke.")
    }
}
