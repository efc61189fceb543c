import DoormanClient
import DoormanServer
import DoormanSupport
import TestKit
import Testing

@testable import DoormanDaemon

/// Health checks say that the server does not serve until the first request to each provider has ended.
@Suite("Readiness", .timeLimit(.minutes(2)))
struct ReadinessTests {
    private static func isServing(_ stack: Stack) async -> Bool { (try? await stack.client.health()) == .serving }

    /// Times so long that a test sees the state before they end.
    private static func slowDown(_ settings: inout DoormandSettings) {
        settings.transport.requestTimeout = .seconds(3)
        settings.cache.lookupTimeout = .seconds(3)
    }

    @Test("a provider that is down at the start does not keep the server from being ready", arguments: ProviderKind.allCases)
    func down(kind: ProviderKind) async throws {
        try await KindStage.run(kind, from: .closed, isSecretWrong: false, settings: { _ in }) { stage in
            try await eventually("the server is ready") { await Self.isServing(stage.stack) }
            #expect(stage.stack.dependencies.providers.isReady)
        }
    }

    @Test("a provider that hangs keeps the server from being ready until the time-out", arguments: ProviderKind.allCases)
    func hanging(kind: ProviderKind) async throws {
        try await KindStage.run(kind, from: .scripted { _ in nil }, isSecretWrong: false, settings: Self.slowDown) { stage in
            #expect(try await stage.stack.client.health() == .notServing)
            try await eventually("the server is ready", within: .seconds(30)) { await Self.isServing(stage.stack) }
        }
    }

    @Test(
        "a wrong secret does not keep the server from being ready",
        arguments: [ProviderKind.accountKit, .facebookLogin, .introspection])
    func wrongSecret(kind: ProviderKind) async throws {
        try await KindStage.run(kind, from: .provider, isSecretWrong: true, settings: { _ in }) { stage in
            try await eventually("the server is ready") { await Self.isServing(stage.stack) }
        }
    }

    @Test("a provider without a credential to check does not keep the server from being ready")
    func noSecret() async throws {
        try await Stack.run(settings: { $0.accountKit.appSecretFile = "" }, awaitsCredentials: false) { stack in
            try await eventually("the server is ready") { await Self.isServing(stack) }
        }
    }

    @Test("calls for another provider are answered in the meantime")
    func otherProvider() async throws {
        try await ScriptedHTTPServer.run({ _ in nil }) { hanging in
            try await Stack.run(
                settings: { settings in
                    Self.slowDown(&settings)
                    do {
                        try settings.addProvider(named: "hanging", issuer: hanging.url)
                    } catch {
                        Issue.record(error)
                    }
                }, awaitsCredentials: false
            ) { stack in
                let token = try stack.emulator.logIn(phone: "+15551234567")
                #expect(await stack.verify(token) == "OK")
                #expect(!stack.dependencies.providers.isReady)
            }
        }
    }

    /// - Parameter asks: Whether a health check saw that the server is ready before the reload.
    @Test("a reload does not take it back", arguments: [true, false])
    func reload(asks: Bool) async throws {
        try await ScriptedHTTPServer.run({ _ in nil }) { hanging in
            try await Stack.run(settings: Self.slowDown, awaitsCredentials: false) { stack in
                let providers = stack.dependencies.providers
                try await eventually("the credentials are checked") { providers.hasWorkingCredentials }
                if asks { #expect(try await stack.client.health() == .serving) }
                var settings = stack.settings
                settings.accountKit.url = hanging.url
                try providers.prepare(settings.providers())()
                #expect(!providers.hasWorkingCredentials)
                #expect(try await stack.client.health() == .serving)
            }
        }
    }

    @Test("a reload before that waits for the first request to the new provider")
    func earlyReload() async throws {
        try await ScriptedHTTPServer.run({ _ in nil }) { hanging in
            try await Stack.run(
                settings: { settings in
                    Self.slowDown(&settings)
                    settings.accountKit.url = hanging.url
                }, awaitsCredentials: false
            ) { stack in
                #expect(try await stack.client.health() == .notServing)
                var settings = stack.settings
                settings.accountKit.url = stack.emulator.baseURL
                try stack.dependencies.providers.prepare(settings.providers())()
                try await eventually("the server is ready") { await Self.isServing(stack) }
                #expect(stack.dependencies.providers.hasWorkingCredentials)
            }
        }
    }
}
