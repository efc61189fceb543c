import DoormanClient
import DoormanTesting
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import HummingbirdAuth

@Suite("The service knows its users by their tokens")
struct BearerMiddlewareTests {
    private let doorman = ScriptedVerifier(["ada": .identity(.sample(accountID: "1"))])

    @Test("a good token brings its owner to the route")
    func good() async throws {
        let response = try await get("/me", "Bearer ada")
        #expect(response.status == .ok)
        let body = String(buffer: response.body)
        #expect(body.contains(#""account":"1""#))
        #expect(body.contains(#""phone":"+15551234567""#))
        #expect(doorman.requests.map(\.token) == [Token("ada")])
    }

    @Test("the open route makes no request", arguments: [nil, "Bearer ada", "Bearer eve"])
    func open(_ authorization: String?) async throws {
        #expect(try await get("/", authorization).status == .ok)
        #expect(doorman.requests.isEmpty)
    }

    @Test("without a token there is a challenge that says nothing more", arguments: [nil, "Basic YTpi"])
    func absent(_ authorization: String?) async throws {
        let response = try await get("/me", authorization)
        #expect(response.status == .unauthorized)
        #expect(response.headers[.wwwAuthenticate] == #"Bearer realm="members""#)
        #expect(doorman.requests.isEmpty)
    }

    @Test("what can't be a token is a bad request, and Doorman gets no request")
    func malformed() async throws {
        let response = try await get("/me", "Bearer not a token")
        #expect(response.status == .badRequest)
        #expect(try #require(response.headers[.wwwAuthenticate]).hasPrefix(#"Bearer realm="members", error="invalid_request""#))
        #expect(doorman.requests.isEmpty)
    }

    @Test(
        "a refused token logs its user out",
        arguments: [RejectionReason.tokenRejected, .wrongApplication, .proofRejected, .malformedToken, .other])
    func rejected(_ reason: RejectionReason) async throws {
        doorman.say(.rejected(reason), about: "eve")
        let response = try await get("/me", "Bearer eve")
        #expect(response.status == .unauthorized)
        #expect(try #require(response.headers[.wwwAuthenticate]).hasPrefix(#"Bearer realm="members", error="invalid_token""#))
        #expect(response.headers[.retryAfter] == nil)
    }

    @Test(
        "an outage logs no user out, and says in whole seconds when to come back",
        arguments: [
            (nil, "1"), (.zero, "1"), (.milliseconds(1), "1"), (.seconds(1), "1"), (.milliseconds(1001), "2"), (.seconds(30), "30"),
        ] as [(Duration?, String)])
    func unavailable(_ retryAfter: Duration?, _ seconds: String) async throws {
        doorman.otherwise = .error(DoormanError(.providerBusy, "busy", isRetryable: true, retryAfter: retryAfter))
        let response = try await get("/me", "Bearer ada2")
        #expect(response.status == .serviceUnavailable)
        #expect(response.headers[.retryAfter] == seconds)
        #expect(response.headers[.wwwAuthenticate] == nil)
    }

    @Test("no token is in an answer or a log", arguments: ["Bearer secret", "Bearer secret,secret", "secret", "Basic secret"])
    func secrecy(_ authorization: String) async throws {
        let log = KeptLog()
        for answer: ScriptedVerifier.Response in [
            .rejected(.tokenRejected), .unavailable(.unreachable), .identity(.sample(accountID: "1")),
        ] {
            doorman.otherwise = answer
            let response = try await get("/me", authorization, logger: Logger(label: "test") { _ in KeptLog.Handler(log: log) })
            #expect(!String(buffer: response.body).contains("secret"))
            #expect(!"\(response.headers)".contains("secret"))
        }
        #expect(!log.text.contains("secret"))
    }

    private func get(_ path: String, _ authorization: String?, logger: Logger? = nil) async throws -> TestResponse {
        let application = Application(router: routes(doorman: doorman), logger: logger)
        return try await application.test(.router) { client in
            try await client.execute(uri: path, method: .get, headers: authorization.map { [.authorization: $0] } ?? [:]) { $0 }
        }
    }
}
