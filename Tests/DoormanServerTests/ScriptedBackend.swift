import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit

extension ScriptedProvider {
    /// A provider that goes by the token, and holds every call until it is released.
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

    var asked: Int { callCount }
    var cancelled: Int { cancelledCount }
}

extension Identity {
    static let someone = Identity(
        accountID: "1011166682335378", applicationID: "5432154321543210",
        phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000),
        validUntil: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
}

extension AuthBackend {
    /// `remembered` is in memory, `outdated` was once, `recovering` too but is asked about if
    /// the caller may, and `busy` is being asked about; everything else is asked of the provider.
    static func scripted(
        _ provider: ScriptedProvider, timeSource: TimeSource = .system, takeMiss: @escaping TakeMiss = { _, _, _ in nil }
    ) -> AuthBackend {
        let someone = EncodedResponse(bytes: ResponseEncoder.encode(Identity.someone))
        return AuthBackend(
            provider: provider, timeSource: timeSource, takeMiss: takeMiss, isBeingAsked: { $0.holds("busy") },
            staleReplyFromMemory: { token, _, _, _, hasShare, reply in
                reply = someone
                return token.holds("outdated") || (!hasShare && token.holds("recovering"))
            },
            keyOfToken: Self.key(of:),
            replyFromMemory: { token, _, _, _, _, reply in
                reply = someone
                return token.holds("remembered")
            })
    }
}

extension Span<UInt8> {
    fileprivate func holds(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return count == bytes.count && indices.allSatisfy { self[$0] == bytes[$0] }
    }
}
