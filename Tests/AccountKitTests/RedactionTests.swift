import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import Testing

@Suite("Secrets stay out of what is printed")
struct RedactionTests {
    static let planted = "planted0secret"

    static func shown(_ value: some Any) -> String {
        var text = "\(value) \(String(reflecting: value)) \([value])"
        dump(value, to: &text)
        return text
    }

    @Test("settings, requests and what is made of them show none")
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

    @Test("an answer that holds a token shows none of it")
    func answers() throws {
        let body = #"{"id":"1","access_token":"EMAW\#(Self.planted)"}"#
        let answer = ResponseClassification(HTTPResponse(status: 200, body: Array(body.utf8)), to: .accessToken)
        #expect(!Self.shown(answer).contains(Self.planted))
        guard case .success(let object) = answer, let issued = AccessTokenResponse(object, maximumTokenBytes: 1024) else {
            Issue.record("no success")
            return
        }
        #expect(!Self.shown(issued).contains(Self.planted))
    }

    @Test("no error and no refusal repeats what the provider wrote, the token, or a URL")
    func errorsAndRefusals() async throws {
        let token = Token("EMAW" + Self.planted)
        let answers: [Result<HTTPResponse, TransportError>] = [
            .answer(400, errorBody(190, Self.planted, Self.planted)),
            .answer(400, errorBody(100, "x", "Invalid appsecret_proof \(Self.planted)")),
            .answer(400, errorBody(100, "x", "require appsecret_proof \(Self.planted)")), .answer(500, Self.planted),
            .answer(403, errorBody(4, "x", Self.planted)), .answer(200, Self.planted), .answer(200, #"{"id":"\#(Self.planted)"}"#),
            .failure(.connectionLost, sent: true), .failure(.tls), .failure(.refusedByPolicy),
        ]
        for answer in answers {
            var shown = ""
            do {
                let verifier = try Sample.verifier(ScriptedTransport(answer), settings: Sample.settings(secret: Self.planted))
                shown = Self.shown(try await verifier.verify(VerificationRequest(token: token), deadline: Sample.deadline()))
            } catch {
                shown = Self.shown(error)
            }
            #expect(!shown.contains(Self.planted))
            #expect(!shown.contains("://"))
        }
    }
}
