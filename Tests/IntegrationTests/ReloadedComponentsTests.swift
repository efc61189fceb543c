import AccountKitEmulator
import DoormanClient
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("A reload of a server under load")
struct ReloadedComponentsTests {
    private static let next = "00112233445566778899aabbccddeeff"

    /// Runs a stack with a closure that applies other secrets, as a reload would.
    private static func withSecrets(
        _ secrets: [String], settings change: @escaping (inout DoormandSettings) -> Void = { _ in },
        _ body: (Stack, _ secrets: ([String]) throws -> Void) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            func apply(_ secrets: [String], to settings: inout DoormandSettings) throws {
                let files = try secrets.enumerated().map { number, secret in
                    let file = folder.appendingPathComponent("secret-\(number)")
                    try secret.write(to: file, atomically: true, encoding: .utf8)
                    return file.path
                }
                settings.accountKit.appSecretFile = files[0]
                settings.accountKit.nextAppSecretFile = files.count > 1 ? files[1] : ""
            }
            var first = DoormandSettings()
            try apply(secrets, to: &first)
            try await Stack.run(
                settings: {
                    $0.accountKit.appSecretFile = first.accountKit.appSecretFile
                    $0.accountKit.nextAppSecretFile = first.accountKit.nextAppSecretFile
                    change(&$0)
                },
                { stack in
                    try await body(stack) { secrets in
                        var settings = stack.settings
                        try apply(secrets, to: &settings)
                        try stack.dependencies.providers.component.prepare(settings).apply()
                    }
                })
        }
    }

    @Test("lower cache bounds evict the excess entries at once")
    func bounds() async throws {
        try await Stack.run(settings: { $0.cache.shards = 1 }) { stack in
            let tokens = try (0..<20).map { try stack.emulator.logIn(phone: "+155500000\(10 + $0)") }
            for token in tokens { #expect(await stack.verify(token) == "OK") }
            #expect(stack.dependencies.verifier.statistics.valid.entries == 20)
            var settings = stack.settings
            settings.cache.valid.entries = 5
            try stack.dependencies.cacheBounds.prepare(settings).apply()
            #expect(stack.dependencies.verifier.statistics.valid.entries == 5)
            // The entries used last.
            for token in tokens.suffix(5) { #expect(await stack.verify(token) == "OK") }
            #expect(stack.providerRequests == 20)
        }
    }

    @Test("an open circuit breaker stays open when secrets change")
    func breaker() async throws {
        let settings: (inout DoormandSettings) -> Void = {
            $0.governor.circuitBreaker.consecutiveFailures = 1
            $0.governor.circuitBreaker.openTime = .seconds(60)
            $0.governor.circuitBreaker.maximumOpenTime = .seconds(60)
            $0.governor.retryBurst = 0
            $0.governor.retryBudget = 0
        }
        try await Self.withSecrets([Stack.ours.secret], settings: settings) { stack, change in
            let (known, unknown) = (
                try stack.emulator.logIn(phone: "+15551234567"), try stack.emulator.logIn(phone: "+15557654321")
            )
            #expect(await stack.verify(known) == "OK")
            stack.emulator.setFault(.badGateway)
            #expect(await stack.verify(unknown) == "unavailable: PROVIDER_UNAVAILABLE")
            stack.emulator.clearFaults()
            let calls = stack.providerRequests
            try change([Self.next])
            #expect(await stack.verify(unknown) == "unavailable: PROVIDER_UNAVAILABLE")
            #expect(await stack.verify(known) == "OK")
            #expect(stack.providerRequests == calls)
        }
    }

    @Test("a provider request in flight keeps its secret")
    func inFlight() async throws {
        try await Self.withSecrets([Stack.ours.secret]) { stack, change in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(.latency(.milliseconds(300)), for: .me)
            async let call = stack.verify(token)
            try await eventually("a provider request") { stack.providerRequests == 1 }
            try change([Self.next])
            #expect(await call == "OK")
            stack.emulator.clearFaults()
            #expect(await stack.verify(try stack.emulator.logIn(phone: "+15557654321")) == "unavailable: PROVIDER_MISCONFIGURED")
            try change([Stack.ours.secret])
            #expect(await stack.verify(try stack.emulator.logIn(phone: "+15557654321")) == "OK")
        }
    }

    @Test("the secret that worked last is used first after a reload")
    func preference() async throws {
        try await Self.withSecrets([Stack.ours.secret, Self.next]) { stack, change in
            try stack.emulator.changeSecret(to: Self.next)
            for (secrets, calls) in [
                (nil, 2), ([String(repeating: "a", count: 32), Self.next], 1), ([Self.next, Stack.ours.secret], 1),
                ([Self.next], 1), ([Stack.ours.secret, Self.next], 1),
            ] {
                if let secrets { try change(secrets) }
                let before = stack.providerRequests
                #expect(await stack.verify(try stack.emulator.logIn(phone: "+15551234567")) == "OK")
                #expect(stack.providerRequests - before == calls)
            }
        }
    }
}
