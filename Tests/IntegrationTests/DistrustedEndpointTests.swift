import DoormanClient
import Foundation
import Logging
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("An introspection endpoint that calls every text active", .timeLimit(.minutes(2)))
struct DistrustedEndpointTests {
    private static let everythingIsActive = ScriptedHTTPServer.Response(
        body: #"{"active":true,"sub":"anyone","client_id":"app","aud":"orders-api"}"#)
    private static let found = "error the provider calls a random token active: its tokens are unavailable until a check succeeds"

    private static func run(
        _ endpoint: IntrospectionEndpoint, _ recorder: LogRecorder, _ body: (Stack) async throws -> Void
    ) async throws {
        try await ScriptedHTTPServer.run({ endpoint.respond(to: $0) }) { server in
            try await Stack.run(
                settings: { settings in
                    settings.introspection.endpoint = server.url + "/introspect"
                    settings.introspection.clientID = IntrospectionEndpoint.clientID
                    settings.introspection.clientSecretFile = settings.accountKit.appSecretFile
                    settings.introspection.audience = ["orders-api"]
                    settings.accountKit = AccountKitTexts()
                }, logger: Logger(label: "test", factory: { _ in recorder }), awaitsCredentials: false, body)
        }
    }

    @Test("at the start it makes no token valid, until it calls a random text inactive")
    func start() async throws {
        let (endpoint, recorder) = (IntrospectionEndpoint(secret: Stack.ours.secret), LogRecorder())
        let token = endpoint.issue(audience: "orders-api", lifetime: 3600)
        endpoint.fail(with: Self.everythingIsActive)
        try await Self.run(endpoint, recorder) { stack in
            try await eventually("the server is ready") { (try? await stack.client.health()) == .serving }
            // The check has ended a moment before its line is written.
            try await eventually("the check is logged") { recorder.lines.contains { $0.hasPrefix(Self.found) } }
            for text in [token, "any-text-at-all"] {
                #expect(await stack.verify(text) == "unavailable: PROVIDER_MISCONFIGURED")
            }
            endpoint.recover()
            try await eventually("the token is valid", within: .seconds(20)) { await stack.verify(token) == "OK" }
            #expect(await stack.verify("any-text-at-all") == "rejected: TOKEN_REJECTED")
            try await eventually("the recovery is logged") {
                recorder.lines.contains { $0.hasPrefix("notice the application's credential works again") }
            }
            #expect(!recorder.lines.contains { $0.contains(token) })
        }
    }

    @Test("cached entries stay, and a reload does not end it")
    func cached() async throws {
        let (endpoint, recorder) = (IntrospectionEndpoint(secret: Stack.ours.secret), LogRecorder())
        let tokens = (0..<2).map { _ in endpoint.issue(audience: "orders-api", lifetime: 3600) }
        try await Self.run(endpoint, recorder) { stack in
            let providers = stack.dependencies.providers
            try await eventually("the credential is checked") { providers.hasWorkingCredentials }
            #expect(await stack.verify(tokens[0]) == "OK")
            endpoint.fail(with: Self.everythingIsActive)
            try providers.prepare(stack.settings.providers())()
            try await eventually("the check ends") { recorder.lines.contains { $0.hasPrefix(Self.found) } }
            #expect(try await stack.client.verify(tokens[0]).freshness == .cached)
            #expect(await stack.verify(tokens[1]) == "unavailable: PROVIDER_MISCONFIGURED")
            // No check of the new router ends.
            endpoint.fail(with: nil)
            try providers.prepare(stack.settings.providers())()
            #expect(await stack.verify(tokens[1]).hasPrefix("unavailable: "))
            #expect(try await stack.client.verify(tokens[0]).freshness == .cached)
            #expect(stack.dependencies.verifier.statistics.valid.entries == 1)
        }
    }
}
