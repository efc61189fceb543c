import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

@Suite("The scope of a failure")
struct FailureScopeTests {
    typealias Response = Result<HTTPResponse, TransportError>

    static let wrongSecretOrOutage = Response.response(500, errorBody(2, "EMApiException", "x", #","is_transient":true"#))

    static func verifying(_ response: Response) async -> VerificationError.Scope? {
        await VerifyTests.error(response)?.scope
    }

    static func exchanging(_ response: Response, settings: AccountKitSettings = Sample.settings()) async -> VerificationError.Scope?
    {
        await #expect(throws: VerificationError.self) {
            try await ExchangeTests.exchange(ScriptedTransport(response), settings: settings)
        }?.scope
    }

    static func revoking(_ request: RevocationRequest, _ response: Response) async -> VerificationError.Scope? {
        await #expect(throws: VerificationError.self) { try await RevokeTests.revoke(request, ScriptedTransport(response)) }?.scope
    }

    @Test(
        "a malformed response about one token has the scope of that request only",
        arguments: [
            "{}", #"{"id":"12345"}"#, #"{"id":12345,"email":{"address":"a@b"}}"#,
            Sample.phoneBody.replacingApplication(with: #"{"id":5432154321543210}"#),
        ])
    func oddAccount(body: String) async {
        #expect(await Self.verifying(.response(200, body)) == .request)
    }

    @Test("a malformed response to an exchange or a revocation has the scope of that request only")
    func oddOthers() async {
        #expect(await Self.exchanging(.response(200, #"{"id":"1"}"#)) == .request)
        for request in [RevokeTests.token, RevokeTests.account] {
            #expect(await Self.revoking(request, .response(200, #"{"success":false}"#)) == .request)
        }
    }

    static let providersOwn: [Response] = [
        .response(200, ""), .response(200, "[]"), .response(200, "<html>"), .response(200, #"{"error":{"code":"x"}}"#),
        .response(401, "{}"), .response(302, ""), .response(429, ""),
        .response(500, ""),
        wrongSecretOrOutage, .response(403, errorBody(4, "x", "x")), .failure(.bodyTooLarge, sent: true), .failure(.timedOut),
        .failure(.connectFailed), .failure(.urlNotAllowed), .failure(.deadlineExceeded),
    ]

    @Test("other failures have the provider's scope", arguments: providersOwn.indices)
    func provider(_ index: Int) async {
        #expect(await Self.verifying(Self.providersOwn[index]) == .provider)
    }

    @Test("a missing or rejected secret has the credential's scope")
    func credential() async {
        let proofRequired = errorBody(100, "x", "API calls from the server require an appsecret_proof argument")
        let proofInvalid = errorBody(100, "x", "Invalid appsecret_proof provided in the API argument")
        #expect(await Self.verifying(.response(400, proofRequired)) == .credential)
        #expect(await Self.exchanging(Self.wrongSecretOrOutage) == .credential)
        #expect(await Self.exchanging(Self.wrongSecretOrOutage, settings: Sample.settings(secret: nil)) == .credential)
        #expect(await Self.exchanging(.response(502, "")) == .provider)
        #expect(await Self.revoking(RevokeTests.token, .response(400, proofInvalid)) == .credential)
        #expect(await Self.revoking(RevokeTests.token, Self.wrongSecretOrOutage) == .provider)
        #expect(await Self.revoking(RevokeTests.account, Self.wrongSecretOrOutage) == .credential)
        #expect(await Self.revoking(RevokeTests.account, .response(400, errorBody(190, "OAuthException", "x"))) == .credential)
    }
}
