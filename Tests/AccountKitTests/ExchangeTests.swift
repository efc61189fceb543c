import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

@Suite("Exchange")
struct ExchangeTests {
    static func exchange(_ transport: ScriptedTransport, settings: AccountKitSettings = Sample.settings()) async throws
        -> ExchangeVerdict
    {
        try await Sample.verifier(transport, settings: settings).exchange(
            ExchangeRequest(code: Sample.code), deadline: Sample.deadline())
    }

    static func error(_ answer: Result<HTTPResponse, TransportError>) async -> (VerificationError?, asked: Int) {
        let transport = ScriptedTransport(answer)
        let error = await #expect(throws: VerificationError.self) { try await exchange(transport) }
        return (error, await transport.requests.count)
    }

    @Test("a good code gives the token and whose it is")
    func issued() async throws {
        let transport = ScriptedTransport(.answer(200, Sample.exchangeBody), .answer(200, Sample.phoneBody))
        let verdict = try await Self.exchange(transport)
        #expect(verdict.token == Sample.token)
        #expect(verdict.identity?.accountID == "12345")
        let requests = AccountKitRequests(Sample.settings())
        #expect(await transport.requests == [try #require(requests.exchange(Sample.code)), requests.me(Sample.token)])
    }

    static let lostIdentities: [Result<HTTPResponse, TransportError>] = [
        .failure(.connectionLost, sent: true), .answer(500, ""), .answer(200, "{}"), .answer(403, errorBody(4, "x", "x")),
        .answer(200, Sample.phoneBody.replacingOccurrence(of: "12345", with: "54321")),
        // The secret was changed in between.
        .answer(400, errorBody(100, "x", "Invalid appsecret_proof provided in the API argument")),
    ]

    @Test("a token is not lost because nobody can say whose it is", arguments: lostIdentities.indices)
    func identityUnknown(_ index: Int) async throws {
        let transport = ScriptedTransport(.answer(200, Sample.exchangeBody), Self.lostIdentities[index])
        #expect(try await Self.exchange(transport) == .issued(Sample.token, nil))
    }

    @Test("a token that is refused at once is a refusal")
    func tokenRefused() async throws {
        let other = Sample.phoneBody.replacingApplication(with: #"{"id":"1"}"#)
        for (answer, reason) in [(errorBody(190, "x", "x"), Rejection.Reason.tokenRejected), (other, .wrongApplication)] {
            let status = reason == .tokenRejected ? 400 : 200
            let transport = ScriptedTransport(.answer(200, Sample.exchangeBody), .answer(status, answer))
            let rejection = try #require(try await Self.exchange(transport).rejection)
            #expect(rejection.reason == reason)
        }
    }

    @Test(
        "a bad code and a used one are refusals",
        arguments: [(1, "Invalid verification code"), (100, "This authorization code has been used")])
    func codeRefused(code: Int, message: String) async throws {
        let transport = ScriptedTransport(.answer(400, errorBody(code, "OAuthException", message)))
        let rejection = try #require(try await Self.exchange(transport).rejection)
        #expect(rejection.reason == .tokenRejected)
        #expect(await transport.requests.count == 1)
    }

    @Test("what can't be a code is refused without asking")
    func malformed() async throws {
        let transport = ScriptedTransport()
        let request = ExchangeRequest(code: AuthorizationCode("EMAWnotacode"))
        let verdict = try await Sample.verifier(transport).exchange(request, deadline: Sample.deadline())
        let rejection = try #require(verdict.rejection)
        #expect(rejection.reason == .malformedToken)
        #expect(await transport.requests.isEmpty)
    }

    @Test("it is asked once, whatever happens", arguments: [TransportError.Code.connectionLost, .timedOut, .connectFailed])
    func neverRepeated(code: TransportError.Code) async {
        let (error, asked) = await Self.error(.failure(code, sent: code != .connectFailed))
        #expect(error?.code == .providerUnavailable)
        #expect(error?.message.contains("may be spent") == (code != .connectFailed))
        #expect(asked == 1)
    }

    @Test("500 with code 2 says what it may be")
    func hint() async {
        let (error, _) = await Self.error(.answer(500, errorBody(2, "EMApiException", "x", #","is_transient":true"#)))
        #expect(error?.code == .providerUnavailable)
        #expect(error?.message.contains("check the app id and the Account Kit secret") == true)
    }

    @Test(
        "an answer without a usable token is nonsense",
        arguments: [
            "{}", #"{"id":"1"}"#, #"{"access_token":"EMAW1"}"#, #"{"id":1,"access_token":"EMAW1"}"#,
            #"{"id":"1","access_token":["EMAW1"]}"#, #"{"id":"1","access_token":""}"#, #"{"id":"1","access_token":"AQ1"}"#,
            #"{"id":"1","access_token":"AA|1|2"}"#,
        ])
    func nonsense(body: String) async {
        #expect(await Self.error(.answer(200, body)).0?.code == .providerUnavailable)
    }

    @Test("the refresh interval may be text, as old clients tolerated")
    func refreshInterval() async throws {
        let body = Sample.exchangeBody.replacingOccurrence(of: "2592000", with: #""2592000""#)
        let transport = ScriptedTransport(.answer(200, body), .answer(200, Sample.phoneBody))
        #expect(try await Self.exchange(transport).identity != nil)
    }

    @Test("without a secret, or for another application, nobody is asked")
    func notPossible() async throws {
        let transport = ScriptedTransport()
        let noSecret = await #expect(throws: VerificationError.self) {
            try await Self.exchange(transport, settings: Sample.settings(secret: nil))
        }
        #expect(noSecret?.code == .providerMisconfigured)
        let verifier = try Sample.verifier(transport)
        let other = await #expect(throws: VerificationError.self) {
            try await verifier.exchange(ExchangeRequest(code: Sample.code, applicationID: "1"), deadline: Sample.deadline())
        }
        #expect(other?.code == .invalidRequest)
        #expect(await transport.requests.isEmpty)
    }
}
