import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

@Suite("Revoke")
struct RevokeTests {
    static let success = Result<HTTPResponse, TransportError>.response(200, #"{"success":true}"#)

    @discardableResult
    static func revoke(
        _ request: RevocationRequest, _ transport: ScriptedTransport, settings: AccountKitSettings = Sample.settings()
    ) async throws -> RevocationOutcome {
        try await Sample.verifier(transport, settings: settings).revoke(request, deadline: Sample.deadline())
    }

    static func error(_ request: RevocationRequest, _ response: Result<HTTPResponse, TransportError>) async -> VerificationError
        .Code?
    {
        await #expect(throws: VerificationError.self) { try await revoke(request, ScriptedTransport(response)) }?.code
    }

    static let token = RevocationRequest(.token(Sample.token))
    static let account = RevocationRequest(.account("12345"))

    @Test("a token is logged out by E3 and an account by E4")
    func done() async throws {
        let requests = AccountKitRequests(Sample.settings())
        let transport = ScriptedTransport(Self.success, Self.success)
        #expect(try await Self.revoke(Self.token, transport) == .revoked)
        #expect(try await Self.revoke(Self.account, transport) == .revoked)
        #expect(
            await transport.requests == [
                requests.logout(Sample.token), try #require(requests.invalidateAllTokens(accountID: "12345")),
            ])
    }

    @Test("revoking an invalid token succeeds")
    func alreadyVoid() async throws {
        let transport = ScriptedTransport(.response(400, errorBody(190, "OAuthException", "Invalid OAuth access token.")))
        #expect(try await Self.revoke(Self.token, transport) == .alreadyInvalid)
        #expect(await transport.requests.count == 1)
    }

    @Test("a rejected app token is a misconfiguration")
    func wrongSecret() async {
        #expect(await Self.error(Self.account, .response(400, errorBody(190, "OAuthException", "x"))) == .providerMisconfigured)
    }

    @Test("an error about the application does not revoke a token")
    func applicationInvalid() async {
        let body = errorBody(190, "OAuthException", "Error validating application. Invalid application ID.")
        #expect(await Self.error(Self.token, .response(400, body)) == .providerMisconfigured)
    }

    @Test("a rejected proof is a misconfiguration")
    func proof() async {
        let body = errorBody(100, "x", "Invalid appsecret_proof provided in the API argument")
        #expect(await Self.error(Self.token, .response(400, body)) == .providerMisconfigured)
    }

    @Test(
        "a response without success: true is an error",
        arguments: ["{}", #"{"success":false}"#, #"{"success":"true"}"#, #"{"success":1}"#, "true", ""])
    func unconfirmed(body: String) async {
        for request in [Self.token, Self.account] {
            #expect(await Self.error(request, .response(200, body)) == .providerUnavailable)
        }
    }

    @Test("other failures keep their code")
    func failures() async {
        for request in [Self.token, Self.account] {
            #expect(await Self.error(request, .response(500, "")) == .providerUnavailable)
            #expect(await Self.error(request, .response(403, errorBody(4, "x", "x"))) == .providerBusy)
            #expect(await Self.error(request, .response(400, errorBody(803, "x", "x"))) == .providerUnavailable)
            #expect(await Self.error(request, .failure(.connectFailed)) == .providerUnavailable)
        }
    }

    @Test(
        "an account id that is not a number never gets into a path",
        arguments: ["", "1/2", "me", "1?x=", "../1", "１", "-1", "1 ", "0", "007", "0123"])
    func accountID(id: String) async throws {
        let transport = ScriptedTransport(Self.success)
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(RevocationRequest(.account(id)), transport)
        }
        #expect(error?.code == .invalidRequest)
        #expect(await transport.requests.isEmpty)
    }

    @Test("a revocation that can't succeed sends no request")
    func notPossible() async throws {
        let transport = ScriptedTransport(Self.success)
        let cases: [(RevocationRequest, AccountKitSettings, VerificationError.Code)] = [
            (Self.account, Sample.settings(secret: nil), .providerMisconfigured),
            (RevocationRequest(.token(Token("AA|1|2"))), Sample.settings(), .invalidRequest),
            (RevocationRequest(.token(Sample.token), applicationID: "1"), Sample.settings(), .invalidRequest),
        ]
        for (request, settings, code) in cases {
            let error = await #expect(throws: VerificationError.self) {
                try await Self.revoke(request, transport, settings: settings)
            }
            #expect(error?.code == code)
        }
        #expect(await transport.requests.isEmpty)
    }
}
