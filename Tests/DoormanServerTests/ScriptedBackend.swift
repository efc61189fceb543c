import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOConcurrencyHelpers
import TestKit

/// A provider whose answers a test scripts: tokens in memory are answered at once, others wait until they are released.
final class ScriptedProvider: TokenProvider {
    private struct State {
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isOpen = false
        var asked = 0
        var cancelled = 0
    }

    private let state = NIOLockedValueBox(State())

    var asked: Int { state.withLockedValue { $0.asked } }
    var cancelled: Int { state.withLockedValue { $0.cancelled } }

    /// Lets every call that waits go on, and every later one too.
    func release() {
        let waiting = state.withLockedValue { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func validateSyntax(of token: Token) -> Rejection? {
        token == Token("malformed") ? Rejection(.malformedToken, "not a token") : nil
    }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        await pass()
        switch request.token {
        case Token("rejected"): return .rejected(Rejection(.tokenRejected, "the provider knows no such token"))
        case Token("unavailable"): throw VerificationError(.providerUnavailable, "the provider is down")
        case Token("busy"): throw VerificationError(.providerBusy, "the provider throttles", retryAfter: .milliseconds(1500))
        default: return .valid(.someone)
        }
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        await pass()
        return .issued(Token("EMAWnew"), .someone)
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        await pass()
    }

    func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        await pass()
        let account = Account(id: "1011166682335378", email: String(repeating: "e", count: 200))
        return AccountPage(accounts: Array(repeating: account, count: request.pageSize), next: request.after)
    }

    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        await pass()
        if request.accountID == "unknown" { throw VerificationError(.providerUnavailable, "down, or no such account") }
    }

    private func pass() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLockedValue { state in
                    state.asked += 1
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        } onCancel: {
            state.withLockedValue { $0.cancelled += 1 }
        }
    }
}

extension Identity {
    static let someone = Identity(
        accountID: "1011166682335378", applicationID: "5432154321543210",
        phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
    )
    .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
}

extension ScriptedBackend {
    /// `remembered` is cached, `outdated` has a stale entry, `recovering` too but is asked about if the caller may, and `busy` is in
    /// flight; everything else is asked of the provider.
    convenience init(
        _ provider: ScriptedProvider, timeSource: TimeSource = .system, chargeMiss: @escaping ChargeMiss = { _, _, _ in nil }
    ) {
        let someone = EncodedResponse(bytes: ResponseEncoder.encode(Identity.someone))
        var cache = Cache()
        cache.response = { $0 == Token("remembered") ? someone : nil }
        cache.staleResponse = { token, occasion in
            token == Token("outdated") || (occasion == .missLimitExceeded && token == Token("recovering")) ? someone : nil
        }
        cache.isInFlight = { $0 == Token("busy") }
        self.init(provider: provider, cache: cache, timeSource: timeSource, chargeMiss: chargeMiss)
    }
}
