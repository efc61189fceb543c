import DoormanCore
import DoormanSupport
import FacebookLogin
import GraphAPI
import ProviderHTTP
import TestKit
import Testing

@Suite("The fields of a user of Facebook Login")
struct FieldsTests {
    static func verdict(
        _ response: Result<HTTPResponse, TransportError>, _ settings: FacebookLoginSettings = Sample.withFields
    ) async throws -> Verdict {
        try await Sample.verdict(ScriptedTransport(.response(200, Sample.validBody), response), settings)
    }

    static func body(_ more: String) -> String { #"{"id":"\#(Sample.userID)"\#(more)}"# }

    @Test("they are asked for with the user's token and its proof, and only if some are wanted")
    func request() async throws {
        let transport = ScriptedTransport(.response(200, Sample.validBody), .response(200, Self.body("")))
        _ = try await Sample.verdict(transport, Sample.withFields)
        let urls = await transport.requests.map(\.url)
        #expect(urls.count == 2)
        #expect(
            urls[1] == "https://graph.facebook.com/v23.0/me?fields=email%2Cname&access_token=EMAWtesttoken0001"
                + "&appsecret_proof=\(Sample.proof)")
    }

    @Test("email becomes the address, and the others become claims")
    func fields() async throws {
        let settings = Sample.settings { $0.fields = ["id", "email", "name", "age_range", "missing"] }
        let body = Self.body(#","email":"a\u0040example.com","name":"Ann","age_range":{"min":21},"other":1"#)
        let identity = try #require(try await Self.verdict(.response(200, body), settings).identity)
        #expect(identity.email == "a@example.com")
        #expect(!identity.isEmailVerified)
        #expect(identity.claims == ["name": #""Ann""#, "age_range": #"{"min":21}"#])
        #expect(identity.scopes == ["email", "public_profile"])
    }

    @Test("a user without the fields, or with an odd address, has none", arguments: ["", #","email":"x""#, #","email":7"#])
    func missing(more: String) async throws {
        let identity = try #require(try await Self.verdict(.response(200, Self.body(more))).identity)
        #expect(identity.email == nil && identity.claims.isEmpty)
    }

    @Test(
        "a response about another user is malformed",
        arguments: [#"{"id":"1","name":"Eve"}"#, #"{"name":"Eve"}"#, #"{"id":10215241773831025}"#, "{}"])
    func anotherUser(body: String) async {
        let error = await #expect(throws: VerificationError.self) { try await Self.verdict(.response(200, body)) }
        #expect(error?.code == .providerUnavailable && error?.scope == .request)
    }

    @Test("fields longer than 4 KiB are our configuration's fault")
    func longClaims() async {
        let body = Self.body(#","name":"\#(String(repeating: "x", count: 4096))""#)
        let error = await #expect(throws: VerificationError.self) { try await Self.verdict(.response(200, body)) }
        #expect(error == VerificationError(IdentityLimit.fields))
    }

    @Test("a token that was revoked between the two requests is rejected")
    func revoked() async throws {
        let body = Sample.errorBody(190, "OAuthException", "Error validating access token", #","error_subcode":458"#)
        #expect(try await Self.verdict(.response(400, body)).rejection?.reason == .tokenRejected)
    }

    @Test("a bad proof is a rejected proof, so that the credential is checked before anyone is logged out")
    func badProof() async throws {
        let body = Sample.errorBody(100, "GraphMethodException", "Invalid appsecret_proof provided in the API argument")
        let rejection = try #require(try await Self.verdict(.response(400, body)).rejection)
        #expect(rejection.reason == .proofRejected && !rejection.isCacheable)
    }

    static let failures: [(Result<HTTPResponse, TransportError>, VerificationError.Code)] = [
        (.response(500, ""), .providerUnavailable), (.response(200, "<html>"), .providerUnavailable),
        (.response(429, ""), .providerBusy),
        (.response(400, Sample.errorBody(100, "OAuthException", "Tried accessing nonexistent field")), .providerUnavailable),
        (
            .response(400, Sample.errorBody(100, "x", "API calls from the server require an appsecret_proof argument")),
            .providerMisconfigured
        ),
        (.response(403, Sample.errorBody(200, "OAuthException", "x")), .providerMisconfigured),
        (.failure(.timedOut, sent: true), .providerUnavailable),
    ]

    @Test("without the fields there is no verdict", arguments: failures.indices)
    func failure(_ index: Int) async {
        let (response, code) = Self.failures[index]
        let error = await #expect(throws: VerificationError.self) { try await Self.verdict(response) }
        #expect(error?.code == code)
    }
}
