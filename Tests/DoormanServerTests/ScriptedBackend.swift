import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit

extension ScriptedProvider {
    /// Creates a provider whose result depends on the token. It holds every call until it is released.
    static func held() -> ScriptedProvider {
        let provider = ScriptedProvider(syntaxCheck: {
            $0 == Token("malformed") ? Rejection(.malformedToken, "not a token") : nil
        })
        provider.verifications.script { request in
            switch request.token {
            case Token("rejected"): .success(.rejected(Rejection(.tokenRejected, "the provider knows no such token")))
            case Token("unavailable"): .failure(VerificationError(.providerUnavailable, "the provider is down"))
            case Token("busy"):
                .failure(VerificationError(.providerBusy, "the provider throttles", retryAfter: .milliseconds(1500)))
            default: .success(.valid(.someone))
            }
        }
        provider.exchanges.answerAlways(.success(.issued(Token("EMAWnew"), .someone)))
        provider.accountLists.script { request in
            let account = Account(id: "1011166682335378", email: String(repeating: "e", count: 200))
            return .success(AccountPage(accounts: Array(repeating: account, count: request.pageSize), next: request.after))
        }
        provider.accountDeletions.script { request in
            guard request.accountID == "unknown" else { return .success(()) }
            return .failure(VerificationError(.providerUnavailable, "down, or no such account"))
        }
        provider.hold()
        return provider
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
    /// Creates a backend with these tokens; any other token needs the provider.
    ///
    /// - `cached` has a cached entry.
    /// - `stale` has a stale entry.
    /// - `recovering` has a stale entry that is served only if the miss limit is exceeded.
    /// - `busy` has a lookup in flight.
    convenience init(
        _ provider: ScriptedProvider, timeSource: TimeSource = .system, chargeMiss: @escaping ChargeMiss = { _, _, _ in nil }
    ) {
        let someone = EncodedResponse(bytes: ResponseEncoder.encode(Identity.someone))
        var cache = Cache()
        cache.response = { $0 == Token("cached") ? someone : nil }
        cache.staleResponse = { token, occasion in
            token == Token("stale") || (occasion == .missLimitExceeded && token == Token("recovering")) ? someone : nil
        }
        cache.isInFlight = { $0 == Token("busy") }
        self.init(provider: provider, cache: cache, timeSource: timeSource, chargeMiss: chargeMiss)
    }
}
