import AccountKit
import DoormanCore
import DoormanSupport
import GraphAPI
import ProviderHTTP
import TestKit
import Testing

@Suite("Descriptions of Account Kit's types contain no secret")
struct RedactionTests {
    static let planted = "planted0secret"

    static func shown(_ value: some Any) -> String {
        var text = "\(value) \(String(reflecting: value)) \([value])"
        dump(value, to: &text)
        return text
    }

    @Test("the app secret is in no description of settings, requests or verifiers")
    func values() throws {
        let settings = Sample.settings(secret: Self.planted)
        let requests = AccountKitRequests(settings)
        let verifier = try Sample.verifier(ScriptedTransport(), settings: settings)
        let token = Token("EMAW" + Self.planted)
        #expect(!Self.shown(AppSecret(Self.planted)).contains(Self.planted))
        #expect(!Self.shown(settings).contains(Self.planted))
        #expect(!Self.shown(requests).contains(Self.planted))
        #expect(!Self.shown(verifier).contains(Self.planted))
        #expect(!Self.shown(requests.me(token)).contains(Self.planted))
        #expect(!Self.shown(try #require(requests.exchange(AuthorizationCode("AQ" + Self.planted)))).contains(Self.planted))
    }

    @Test("the token of a response is not in its description")
    func responses() throws {
        let body = #"{"id":"1","access_token":"EMAW\#(Self.planted)"}"#
        let response = ResponseClassification(HTTPResponse(status: 200, body: Array(body.utf8)), about: .code)
        #expect(!Self.shown(response).contains(Self.planted))
        guard case .success(let object) = response, let issued = AccessTokenResponse(object, maximumTokenBytes: 1024) else {
            Issue.record("no success")
            return
        }
        #expect(!Self.shown(issued).contains(Self.planted))
    }

    @Test("neither an error nor a rejection contains the provider's text, the token or a URL")
    func errorsAndRefusals() async throws {
        let token = Token("EMAW" + Self.planted)
        let responses: [Result<HTTPResponse, TransportError>] = [
            .response(400, errorBody(190, "OAuthException", Self.planted)),
            .response(400, errorBody(100, "x", "Invalid appsecret_proof \(Self.planted)")),
            .response(400, errorBody(100, "x", "require appsecret_proof \(Self.planted)")), .response(500, Self.planted),
            .response(403, errorBody(4, "x", Self.planted)), .response(200, Self.planted),
            .response(200, #"{"id":"\#(Self.planted)"}"#),
            .failure(.connectionLost, sent: true), .failure(.tls), .failure(.urlNotAllowed),
        ]
        for response in responses {
            var shown = ""
            do {
                let verifier = try Sample.verifier(ScriptedTransport(response), settings: Sample.settings(secret: Self.planted))
                shown = Self.shown(try await verifier.verify(VerificationRequest(token: token), deadline: Sample.deadline()))
            } catch {
                shown = Self.shown(error)
            }
            #expect(!shown.contains(Self.planted))
            #expect(!shown.contains("://"))
        }
    }
}
