import AccountKitEmulator
import DoormanClient
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Rotation of an application's secret")
struct SecretChangeTests {
    private static let next = "00112233445566778899aabbccddeeff"

    /// Runs a stack that has the next secret, too.
    private static func withBothSecrets(
        settings change: (inout DoormandSettings) -> Void = { _ in }, _ body: (Stack) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("next")
            try next.write(to: file, atomically: true, encoding: .utf8)
            try await Stack.run(
                settings: {
                    Stack.grantAll(&$0)
                    $0.accountKit.nextAppSecretFile = file.path
                    change(&$0)
                }, body)
        }
    }

    @Test("the first token after the rotation needs one more provider request")
    func settling() async throws {
        try await Self.withBothSecrets { stack in
            for (secret, calls) in [(nil, [1, 1]), (Self.next, [2, 1]), (Stack.ours.secret, [2, 1])] {
                if let secret { try stack.emulator.changeSecret(to: secret) }
                for count in calls {
                    let before = stack.providerRequests
                    #expect(await stack.verify(try stack.emulator.logIn(phone: "+15551234567")) == "OK")
                    #expect(stack.providerRequests - before == count)
                }
            }
        }
    }

    @Test("a secret that neither file holds rejects no token")
    func neither() async throws {
        try await Self.withBothSecrets { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            try stack.emulator.changeSecret(to: String(repeating: "f", count: 32))
            #expect(await stack.verify(token) == "unavailable: PROVIDER_MISCONFIGURED")
            try stack.emulator.changeSecret(to: Self.next)
            #expect(await stack.verify(token) == "OK")
        }
    }

    @Test("no call fails under load when the secret changes")
    func underLoad() async throws {
        // Two cores and a sanitizer are slow; this test does not measure speed.
        let longTimeouts: (inout DoormandSettings) -> Void = {
            $0.cache.lookupTimeout = .seconds(20)
            $0.transport.requestTimeout = .seconds(20)
        }
        try await Self.withBothSecrets(settings: longTimeouts) { stack in
            let tokens = try (0..<400).map { try stack.emulator.logIn(phone: "+1555\(1_000_000 + $0)") }
            let outcomes = try await withThrowingTaskGroup(of: String.self) { tasks in
                for (number, token) in tokens.enumerated() {
                    tasks.addTask { await stack.verify(token) }
                    if number == 200 {
                        try await eventually("50 provider requests") { stack.providerRequests > 50 }
                        try stack.emulator.changeSecret(to: Self.next)
                    }
                }
                return try await tasks.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(outcomes == ["OK": 400])
        }
    }

    @Test("a failed exchange after the rotation leaves its code unspent")
    func exchange() async throws {
        try await Self.withBothSecrets { stack in
            let code = AuthorizationCode(try stack.emulator.issueCode(phone: "+15551234567"))
            try stack.emulator.changeSecret(to: Self.next)
            let error = await #expect(throws: DoormanError.self) { try await stack.client.exchange(code) }
            #expect(error?.reason == "unavailable: PROVIDER_UNAVAILABLE")
            #expect(stack.emulator.statistics[.accessToken] == 1)
            let exchange = try await stack.client.exchange(code)
            #expect(exchange.identity?.applicationID == Stack.ours.id)
            #expect(stack.emulator.statistics[.accessToken] == 2)
            #expect(stack.providerRequests == 1)
        }
    }

    @Test("an exchange succeeds once a verification has found the new secret")
    func exchangeAfterVerify() async throws {
        try await Self.withBothSecrets { stack in
            try stack.emulator.changeSecret(to: Self.next)
            #expect(await stack.verify(try stack.emulator.logIn(phone: "+15551234567")) == "OK")
            let code = AuthorizationCode(try stack.emulator.issueCode(phone: "+15551234567"))
            #expect(try await stack.client.exchange(code).identity != nil)
            #expect(stack.emulator.statistics[.accessToken] == 1)
        }
    }

    @Test("a revocation finds the secret that works")
    func revoke() async throws {
        try await Self.withBothSecrets { stack in
            try stack.emulator.changeSecret(to: Self.next)
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let other = try stack.emulator.logIn(phone: "+15551234567")
            try await stack.client.revoke(Token(token))
            #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
            try await stack.client.revoke(accountID: try #require(stack.emulator.account(ofToken: other)))
            #expect(await stack.verify(other) == "rejected: TOKEN_REJECTED")
            #expect(stack.emulator.statistics[.invalidateAllTokens] == 2)
        }
    }
}
