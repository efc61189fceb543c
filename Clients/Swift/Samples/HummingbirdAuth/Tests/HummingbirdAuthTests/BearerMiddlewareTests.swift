import DoormanClient
import DoormanTesting
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import HummingbirdAuth

@Suite("Authentication by bearer tokens")
struct BearerMiddlewareTests {
    private let doorman = ScriptedVerifier(["ada": .identity(.sample(accountID: "1"))])

    @Test("the route gets the identity of a valid token")
    func good() async throws {
        let response = try await get("/me", "Bearer ada")
        #expect(response.status == .ok)
        let body = String(buffer: response.body)
        #expect(body.contains(#""account":"1""#))
        #expect(body.contains(#""phone":"+15551234567""#))
        #expect(doorman.requests.map(\.token) == [Token("ada")])
    }

    @Test("the open route verifies no token", arguments: [nil, "Bearer ada", "Bearer eve"])
    func open(_ authorization: String?) async throws {
        #expect(try await get("/", authorization).status == .ok)
        #expect(doorman.requests.isEmpty)
    }

    @Test("a request without a token gets a challenge without an error code", arguments: [nil, "Basic YTpi"])
    func absent(_ authorization: String?) async throws {
        let response = try await get("/me", authorization)
        #expect(response.status == .unauthorized)
        #expect(response.headers[.wwwAuthenticate] == #"Bearer realm="members""#)
        #expect(doorman.requests.isEmpty)
    }

    @Test("a malformed token is a bad request")
    func malformed() async throws {
        let response = try await get("/me", "Bearer not a token")
        #expect(response.status == .badRequest)
        #expect(try #require(response.headers[.wwwAuthenticate]).hasPrefix(#"Bearer realm="members", error="invalid_request""#))
        #expect(doorman.requests.isEmpty)
    }

    @Test(
        "a rejected token logs its user out",
        arguments: [RejectionReason.tokenRejected, .wrongApplication, .proofRejected, .malformedToken, .other])
    func rejected(_ reason: RejectionReason) async throws {
        doorman.say(.rejected(reason), about: "eve")
        let response = try await get("/me", "Bearer eve")
        #expect(response.status == .unauthorized)
        #expect(try #require(response.headers[.wwwAuthenticate]).hasPrefix(#"Bearer realm="members", error="invalid_token""#))
        #expect(response.headers[.retryAfter] == nil)
    }

    @Test(
        "an outage logs no user out",
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

    @Test(
        "no response and no log line contains a token",
        arguments: ["Bearer secret", "Bearer secret,secret", "secret", "Basic secret"])
    func secrecy(_ authorization: String) async throws {
        let log = KeptLog()
        for verdict: ScriptedVerifier.Response in [
            .rejected(.tokenRejected), .unavailable(.unreachable), .identity(.sample(accountID: "1")),
        ] {
            doorman.otherwise = verdict
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
