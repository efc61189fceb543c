import DoormanClient
import Foundation
import Logging
import TestKit
import Testing

@testable import DoormanDaemon

/// What the server says about the credential of a client at an introspection endpoint.
@Suite("The credential of an introspection client, end to end", .timeLimit(.minutes(2)))
struct IntrospectionCredentialTests {
    private static let misconfigured = "unavailable: PROVIDER_MISCONFIGURED"
    private static let undecided =
        "warning the application's credential could not be checked, because the provider's response says nothing about it"
    private static let failed = "error credential check failed"

    /// Runs a stack with an introspection endpoint.
    ///
    /// - Parameter first: The response to every request at first; `nil` for those of a healthy endpoint.
    private static func run(
        first: ScriptedHTTPServer.Response? = nil, _ recorder: LogRecorder = LogRecorder(),
        _ body: (IntrospectionEndpoint, Stack) async throws -> Void
    ) async throws {
        let endpoint = IntrospectionEndpoint(secret: Stack.ours.secret)
        if let first { endpoint.fail(with: first) }
        try await ScriptedHTTPServer.run({ endpoint.respond(to: $0) }) { server in
            try await Stack.run(
                settings: { settings in
                    settings.introspection.endpoint = server.url + "/introspect"
                    settings.introspection.clientID = IntrospectionEndpoint.clientID
                    settings.introspection.clientSecretFile = settings.accountKit.appSecretFile
                    settings.introspection.audience = ["orders-api"]
                    settings.accountKit = AccountKitTexts()
                }, logger: Logger(label: "test", factory: { _ in recorder }), awaitsCredentials: false
            ) { stack in
                try await eventually("the first check has ended") { stack.dependencies.providers.isReady }
                try await body(endpoint, stack)
            }
        }
    }

    /// Whether the metric says that the credential works; `nil` if it is absent.
    private static func isWorking(_ stack: Stack) -> Bool? { stack.dependencies.providers.credentials.first?.isWorking }

    private static func verify(_ endpoint: IntrospectionEndpoint, _ stack: Stack) async -> String {
        await stack.verify(endpoint.issue(audience: "orders-api", lifetime: 3600))
    }

    @Test("a secret that changes at the provider does not work, until a call succeeds")
    func changedSecret() async throws {
        try await Self.run { endpoint, stack in
            #expect(Self.isWorking(stack) == true)
            #expect(await Self.verify(endpoint, stack) == "OK")
            endpoint.changeSecret(to: "another")
            #expect(await Self.verify(endpoint, stack) == Self.misconfigured)
            #expect(Self.isWorking(stack) == false)
            endpoint.changeSecret(to: Stack.ours.secret)
            #expect(await Self.verify(endpoint, stack) == "OK")
            #expect(Self.isWorking(stack) == true)
        }
    }

    @Test("calls show whether a credential works that could not be checked")
    func calls() async throws {
        try await Self.run(first: ScriptedHTTPServer.Response(status: 404)) { endpoint, stack in
            #expect(Self.isWorking(stack) == nil)
            endpoint.recover()
            endpoint.changeSecret(to: "another")
            #expect(await Self.verify(endpoint, stack) == Self.misconfigured)
            #expect(Self.isWorking(stack) == false)
            endpoint.changeSecret(to: Stack.ours.secret)
            #expect(await Self.verify(endpoint, stack) == "OK")
            #expect(Self.isWorking(stack) == true)
        }
    }

    @Test(
        "an answer that says nothing about the credential is no failed check, and names the setting if the URL may be wrong",
        arguments: [
            (ScriptedHTTPServer.Response(status: 429), false), (.init(status: 502), false), (.init(status: 404), true),
            (.init(status: 403), true), (.init(status: 302, headers: [("Location", "https://example.org/")]), true),
            (.html, true), (.init(status: 400), true), (.init(status: 400, body: #"{"error":"invalid_request"}"#), true),
            (.init(body: "{}"), true),
        ])
    func undecided(response: ScriptedHTTPServer.Response, mayBeWrongURL: Bool) async throws {
        let recorder = LogRecorder()
        try await Self.run(first: response, recorder) { endpoint, stack in
            try await eventually("the check is logged") { recorder.lines.contains { $0.hasPrefix(Self.undecided) } }
            let line = try #require(recorder.lines.first { $0.hasPrefix(Self.undecided) })
            #expect(line.contains("Check introspection.endpoint.") == mayBeWrongURL, "\(line)")
            #expect(!recorder.lines.contains { $0.hasPrefix(Self.failed) })
            #expect(Self.isWorking(stack) == nil)
        }
    }

    @Test(
        "an answer that rejects the credential is a failed check",
        arguments: [ScriptedHTTPServer.Response(status: 401), .init(status: 400, body: #"{"error":"invalid_client"}"#)])
    func rejected(response: ScriptedHTTPServer.Response) async throws {
        let recorder = LogRecorder()
        try await Self.run(first: response, recorder) { endpoint, stack in
            try await eventually("the check is logged") { recorder.lines.contains { $0.hasPrefix(Self.failed) } }
            #expect(!recorder.lines.contains { $0.contains("Check introspection.endpoint") || $0.hasPrefix(Self.undecided) })
            #expect(Self.isWorking(stack) == false)
        }
    }
}
