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

    static func error(_ response: Result<HTTPResponse, TransportError>) async -> (VerificationError?, requestCount: Int) {
        let transport = ScriptedTransport(response)
        let error = await #expect(throws: VerificationError.self) { try await exchange(transport) }
        return (error, await transport.requests.count)
    }

    @Test("a valid code returns the token with its identity")
    func issued() async throws {
        let transport = ScriptedTransport(.response(200, Sample.exchangeBody), .response(200, Sample.phoneBody))
        let verdict = try await Self.exchange(transport)
        #expect(verdict.token == Sample.token)
        #expect(verdict.identity?.accountID == "12345")
        let requests = AccountKitRequests(Sample.settings())
        #expect(await transport.requests == [try #require(requests.exchange(Sample.code)), requests.me(Sample.token)])
    }

    static let lostIdentities: [Result<HTTPResponse, TransportError>] = [
        .failure(.connectionLost, sent: true), .response(500, ""), .response(200, "{}"), .response(403, errorBody(4, "x", "x")),
        .response(200, Sample.phoneBody.replacingOccurrence(of: "12345", with: "54321")),
        // The secret changed between the two requests.
        .response(400, errorBody(100, "x", "Invalid appsecret_proof provided in the API argument")),
    ]

    @Test("a token whose identity can't be determined is still returned", arguments: lostIdentities.indices)
    func identityUnknown(_ index: Int) async throws {
        let transport = ScriptedTransport(.response(200, Sample.exchangeBody), Self.lostIdentities[index])
        #expect(try await Self.exchange(transport) == .issued(Sample.token, nil))
    }

    @Test("a new token that is rejected is a rejection")
    func tokenRejected() async throws {
        let other = Sample.phoneBody.replacingApplication(with: #"{"id":"1"}"#)
        for (response, reason) in [
            (errorBody(190, "OAuthException", "x"), Rejection.Reason.tokenRejected), (other, .wrongApplication),
        ] {
            let status = reason == .tokenRejected ? 400 : 200
            let transport = ScriptedTransport(.response(200, Sample.exchangeBody), .response(status, response))
            let rejection = try #require(try await Self.exchange(transport).rejection)
            #expect(rejection.reason == reason)
        }
    }

    @Test(
        "an invalid or used code is a rejection",
        arguments: [(1, "Invalid verification code"), (100, "This authorization code has been used")])
    func codeRejected(code: Int, message: String) async throws {
        let transport = ScriptedTransport(.response(400, errorBody(code, "OAuthException", message)))
        let rejection = try #require(try await Self.exchange(transport).rejection)
        #expect(rejection.reason == .tokenRejected)
        #expect(await transport.requests.count == 1)
    }

    @Test("a code with an invalid syntax is rejected without a request")
    func malformed() async throws {
        let transport = ScriptedTransport()
        let request = ExchangeRequest(code: AuthorizationCode("EMAWnotacode"))
        let verdict = try await Sample.verifier(transport).exchange(request, deadline: Sample.deadline())
        let rejection = try #require(verdict.rejection)
        #expect(rejection.reason == .malformedToken)
        #expect(await transport.requests.isEmpty)
    }

    @Test("a failed exchange is not retried", arguments: [TransportError.Code.connectionLost, .timedOut, .connectFailed])
    func neverRepeated(code: TransportError.Code) async {
        let (error, requestCount) = await Self.error(.failure(code, sent: code != .connectFailed))
        #expect(error?.code == .providerUnavailable)
        #expect(error?.message.contains("may have been used") == (code != .connectFailed))
        #expect(requestCount == 1)
    }

    @Test("the message of status 500 with code 2 names the possible causes")
    func hint() async {
        let (error, _) = await Self.error(.response(500, errorBody(2, "EMApiException", "x", #","is_transient":true"#)))
        #expect(error?.code == .providerUnavailable)
        #expect(error?.message.contains("check the app id and the app secret") == true)
    }

    @Test(
        "a response without a valid token is malformed",
        arguments: [
            "{}", #"{"id":"1"}"#, #"{"access_token":"EMAW1"}"#, #"{"id":1,"access_token":"EMAW1"}"#,
            #"{"id":"1","access_token":["EMAW1"]}"#, #"{"id":"1","access_token":""}"#, #"{"id":"1","access_token":"AQ1"}"#,
            #"{"id":"1","access_token":"AA|1|2"}"#,
        ])
    func unusableToken(body: String) async {
        #expect(await Self.error(.response(200, body)).0?.code == .providerUnavailable)
    }

    @Test("the refresh interval may be a text")
    func refreshInterval() async throws {
        let body = Sample.exchangeBody.replacingOccurrence(of: "2592000", with: #""2592000""#)
        let transport = ScriptedTransport(.response(200, body), .response(200, Sample.phoneBody))
        #expect(try await Self.exchange(transport).identity != nil)
    }

    @Test("an exchange that can't succeed sends no request")
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
