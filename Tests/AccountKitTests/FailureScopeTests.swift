import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import Testing

@Suite("What a failure is about")
struct FailureScopeTests {
    typealias Answer = Result<HTTPResponse, TransportError>

    static let wrongSecretOrOutage = Answer.answer(500, errorBody(2, "EMApiException", "x", #","is_transient":true"#))

    static func verifying(_ answer: Answer) async -> VerificationError.Scope? {
        await VerifyTests.error(answer)?.scope
    }

    static func exchanging(_ answer: Answer, settings: AccountKitSettings = Sample.settings()) async -> VerificationError.Scope? {
        await #expect(throws: VerificationError.self) {
            try await ExchangeTests.exchange(ScriptedTransport(answer), settings: settings)
        }?.scope
    }

    static func revoking(_ request: RevocationRequest, _ answer: Answer) async -> VerificationError.Scope? {
        await #expect(throws: VerificationError.self) { try await RevokeTests.revoke(request, ScriptedTransport(answer)) }?.scope
    }

    @Test(
        "an answer that makes no sense for one token is about that question alone: an odd account is no outage",
        arguments: [
            "{}", #"{"id":"12345"}"#, #"{"id":12345,"email":{"address":"a@b"}}"#,
            Sample.phoneBody.replacingApplication(with: #"{"id":5432154321543210}"#),
        ])
    func oddAccount(body: String) async {
        #expect(await Self.verifying(.answer(200, body)) == .question)
    }

    @Test("so is an exchange without a usable token, and a revocation that is not confirmed")
    func oddOthers() async {
        #expect(await Self.exchanging(.answer(200, #"{"id":"1"}"#)) == .question)
        for request in [RevokeTests.token, RevokeTests.account] {
            #expect(await Self.revoking(request, .answer(200, #"{"success":false}"#)) == .question)
        }
    }

    static let providersOwn: [Answer] = [
        .answer(200, ""), .answer(200, "[]"), .answer(200, "<html>"), .answer(200, #"{"error":{"code":"x"}}"#),
        .answer(200, #"{"error":{"code":803}}"#), .answer(401, "{}"), .answer(302, ""), .answer(429, ""), .answer(500, ""),
        wrongSecretOrOutage, .answer(403, errorBody(4, "x", "x")), .failure(.bodyTooLarge, sent: true), .failure(.timedOut),
        .failure(.connectFailed), .failure(.refusedByPolicy), .failure(.deadlineExceeded),
    ]

    @Test("all else is the provider's, an oversized body too", arguments: providersOwn.indices)
    func provider(_ index: Int) async {
        #expect(await Self.verifying(Self.providersOwn[index]) == .provider)
    }

    @Test("a secret that is missing, refused, or may be, is told apart from an outage")
    func credential() async {
        let proofRequired = errorBody(100, "x", "API calls from the server require an appsecret_proof argument")
        let proofInvalid = errorBody(100, "x", "Invalid appsecret_proof provided in the API argument")
        #expect(await Self.verifying(.answer(400, proofRequired)) == .credential)
        #expect(await Self.exchanging(Self.wrongSecretOrOutage) == .credential)
        #expect(await Self.exchanging(Self.wrongSecretOrOutage, settings: Sample.settings(secret: nil)) == .credential)
        #expect(await Self.exchanging(.answer(502, "")) == .provider)
        #expect(await Self.revoking(RevokeTests.token, .answer(400, proofInvalid)) == .credential)
        #expect(await Self.revoking(RevokeTests.token, Self.wrongSecretOrOutage) == .provider)
        #expect(await Self.revoking(RevokeTests.account, Self.wrongSecretOrOutage) == .credential)
        #expect(await Self.revoking(RevokeTests.account, .answer(400, errorBody(190, "x", "x"))) == .credential)
    }
}
