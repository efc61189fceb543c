internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The provider of a simulated fleet. It revokes its own tokens, and those of the kind `jwt` not at all.
final class FleetProvider: TokenRouter {
    let world: World
    let ledger: NIOLockedValueBox<FleetLedger>
    private let isDownBox = NIOLockedValueBox(false)

    init(world: World, ledger: NIOLockedValueBox<FleetLedger>) {
        self.world = world
        self.ledger = ledger
    }

    func set(isDown: Bool) {
        isDownBox.withLockedValue { $0 = isDown }
        ledger.withLockedValue { [now = world.now] in $0.noteProvider(isDown: isDown, now: now) }
    }

    func equivalents(of token: Token, naming provider: String?) -> [Token] { [] }

    func validateSyntax(of token: Token) -> Rejection? { nil }

    func validateSyntax(of token: Token, naming provider: String?) -> Rejection? { nil }

    func knows(provider: String) -> Bool { true }

    func seesNoRevocation(provider: String) -> Bool { provider == FleetLedger.offlineProvider }

    func seesNoRevocation(of token: Token, naming provider: String?) -> Bool { token.bytes.first == UInt8(ascii: "J") }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let sent = world.now
        let isOffline = seesNoRevocation(of: request.token, naming: nil)
        let (way, back) = world.draw { random in
            isOffline
                ? (Duration.zero, Duration.zero)
                : (random.duration(.zero ... .milliseconds(60)), random.duration(.zero ... .milliseconds(60)))
        }
        await world.sleep(for: way)
        if isDownBox.withLockedValue({ $0 }), !isOffline {
            throw VerificationError(.providerUnavailable, "down", request: .sent)
        }
        let verdict = ledger.withLockedValue { [now = world.now, wallTime = world.wallTime] in
            $0.state(request.token, sent: sent, now: now, wallTime: wallTime)
        }
        await world.sleep(for: back)
        return verdict
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "not simulated")
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) -> RevocationOutcome {
        await world.sleep(for: world.draw { $0.duration(.zero ... .milliseconds(60)) })
        if isDownBox.withLockedValue({ $0 }) {
            guard case .token(let token) = request.subject, seesNoRevocation(of: token, naming: nil) else {
                throw VerificationError(.providerUnavailable, "down", request: .sent)
            }
        }
        return ledger.withLockedValue { [now = world.now] in $0.revokeAtProvider(request.subject, now: now) }
    }
}
