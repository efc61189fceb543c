import DoormanCore
import DoormanSupport
import FacebookLogin
import ProviderHTTP
import TestKit
import Testing

@Suite("Revocation of Facebook Login")
struct RevokeTests {
    static let account = RevocationRequest(.account(Sample.userID))

    static func revoke(_ transport: ScriptedTransport, _ request: RevocationRequest = account) async throws -> RevocationOutcome {
        try await Sample.verifier(transport).revoke(request, deadline: Sample.deadline())
    }

    @Test("the application deletes the permissions of a user")
    func account() async throws {
        let transport = ScriptedTransport(.response(200, #"{"success":true}"#))
        #expect(try await Self.revoke(transport) == .revoked)
        let url =
            "https://graph.facebook.com/v23.0/\(Sample.userID)/permissions"
            + "?access_token=1234567890%7C0123456789abcdef0123456789abcdef"
        #expect(await transport.requests == [HTTPRequest(.delete, url: url, isRepeatable: true)])
    }

    static let failures: [(Result<HTTPResponse, TransportError>, VerificationError.Code, VerificationError.Scope)] = [
        (.response(200, #"{"success":false}"#), .providerUnavailable, .request),
        (.response(200, #"{"success":"true"}"#), .providerUnavailable, .request),
        (.response(200, "{}"), .providerUnavailable, .request), (.response(500, ""), .providerUnavailable, .provider),
        (.response(500, Sample.errorBody(2, "x", "x")), .providerUnavailable, .credential),
        (.response(429, ""), .providerBusy, .provider),
        (.response(400, Sample.errorBody(190, "OAuthException", "x")), .providerMisconfigured, .credential),
        (.response(400, Sample.errorBody(100, "x", "Invalid appsecret_proof")), .providerMisconfigured, .credential),
        (.response(400, Sample.errorBody(100, "GraphMethodException", "Unsupported delete")), .providerUnavailable, .request),
    ]

    @Test("any other response is an error", arguments: failures.indices)
    func failure(_ index: Int) async {
        let (response, code, scope) = Self.failures[index]
        let error = await #expect(throws: VerificationError.self) { try await Self.revoke(ScriptedTransport(response)) }
        #expect(error?.code == code && error?.scope == scope)
    }

    @Test("one token alone can't be revoked, and the message says what can")
    func token() async {
        let transport = ScriptedTransport()
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(transport, RevocationRequest(.token(Sample.token)))
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("account") == true)
        #expect(await transport.requests.isEmpty)
    }

    @Test("an id that is no user's is an invalid request", arguments: ["", "0123", "me", "1/../2", "12a"])
    func accountID(id: String) async {
        let transport = ScriptedTransport()
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(transport, RevocationRequest(.account(id)))
        }
        #expect(error?.code == .invalidRequest)
        #expect(await transport.requests.isEmpty)
    }

    @Test("another application is an invalid request")
    func application() async {
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(ScriptedTransport(), RevocationRequest(.account("1"), applicationID: "1"))
        }
        #expect(error == .unknownApplication)
    }

    @Test("exchanges, lists and deletions are unsupported")
    func unsupported() async throws {
        let verifier = try Sample.verifier(ScriptedTransport())
        let deadline = Sample.deadline()
        let errors = [
            await #expect(throws: VerificationError.self) {
                try await verifier.exchange(ExchangeRequest(code: AuthorizationCode("AQx")), deadline: deadline)
            },
            await #expect(throws: VerificationError.self) {
                try await verifier.accounts(AccountListRequest(), deadline: deadline)
            },
            await #expect(throws: VerificationError.self) {
                try await verifier.deleteAccount(AccountDeletionRequest(accountID: "1"), deadline: deadline)
            },
        ]
        for error in errors { #expect(error?.code == .unsupported) }
    }
}
