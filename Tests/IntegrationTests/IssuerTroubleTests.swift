import AccountKitEmulator
import DoormanClient
import Foundation
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanDaemon

/// The emulator's issuer, or an issuer that hangs, beside Account Kit.
@Suite("An issuer in trouble, end to end")
struct IssuerTroubleTests {
    private static let limit = 20

    /// Runs a stack with a file of providers.
    ///
    /// - Parameters:
    ///   - issuer: The lines of the entry of the kind `jwt` after its name and kind. `EMULATOR` stands for the emulator's URL.
    ///   - body: Also gets a function that replaces these lines, as a reload would.
    private static func run(
        _ issuer: String, _ body: (Stack, (String) throws -> Void) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("providers.yaml")
            func write(_ issuer: String, emulator: String) throws {
                try """
                - {name: legacy, kind: account-kit, url: \(emulator), application-id: \(Stack.ours.id), app-secret-file: secret}
                - {name: corp, kind: jwt, \(issuer.replacing("EMULATOR", with: emulator))}
                """.write(to: file, atomically: true, encoding: .utf8)
            }
            try Stack.ours.secret.write(to: folder.appendingPathComponent("secret"), atomically: true, encoding: .utf8)
            try await Stack.run(settings: { settings in
                Stack.grantAll(&settings)
                let emulator = settings.accountKit.url
                settings.accountKit = DoormandSettings().accountKit
                settings.providerFile = file.path
                settings.cache.maximumInFlightLookups = limit
                settings.cacheMissLimiter.burst = 1_000_000
                // A flood comes together before the first of its calls ends.
                settings.cache.lookupTimeout = .seconds(4)
                settings.transport.requestTimeout = .seconds(4)
                do {
                    try write(issuer, emulator: emulator)
                } catch {
                    Issue.record(error)
                }
            }) { stack in
                try await body(stack) { issuer in
                    try write(issuer, emulator: stack.emulator.baseURL)
                    try stack.dependencies.providers.component.prepare(stack.settings).apply()
                }
            }
        }
    }

    /// A token with an invented key id, and no real signature.
    private static func invented(_ id: Int, issuer: String) -> String {
        func part(_ text: String) -> String {
            Data(text.utf8).base64EncodedString().replacing("=", with: "").replacing("+", with: "-").replacing("/", with: "_")
        }
        let end = Int(Date().timeIntervalSince1970) + 3600
        return part(#"{"alg":"RS256","kid":"invented-\#(id)"}"#) + "."
            + part(#"{"iss":"\#(issuer)","aud":"orders-api","sub":"a","exp":\#(end)}"#) + "." + part("no signature")
    }

    @Test("an issuer that hangs under a flood of invented key ids leaves Account Kit alone")
    func flood() async throws {
        let issuer = "https://login.example.org/"
        try await ScriptedHTTPServer.run({ _ in nil }) { server in
            try await Self.run("issuer: \"\(issuer)\", audience: orders-api, jwks-url: \"\(server.url)/keys\"") { stack, _ in
                let tokens = try (0..<30).map { _ in try stack.emulator.logIn(phone: "+15551234567") }
                let ended = NIOLockedValueBox(0)
                let flood = (0..<3 * Self.limit).map { id in
                    Task {
                        defer { ended.withLockedValue { $0 += 1 } }
                        return await stack.verify(Self.invented(id, issuer: issuer), timeout: .seconds(20))
                    }
                }
                try await eventually("the flood has its part, and the rest of it is turned down") {
                    stack.dependencies.verifier.statistics.inFlightLookups == Self.limit / 2
                        && ended.withLockedValue { $0 } == 3 * Self.limit - Self.limit / 2
                }
                for token in tokens { #expect(await stack.verify(token) == "OK") }
                var outcomes: [String: Int] = [:]
                for task in flood { outcomes[await task.value, default: 0] += 1 }
                #expect(Set(outcomes.keys).isSubset(of: ["unavailable: PROVIDER_BUSY", "unavailable: PROVIDER_UNAVAILABLE"]))
                #expect(outcomes["unavailable: PROVIDER_UNAVAILABLE", default: 0] >= Self.limit / 2, "\(outcomes)")
            }
        }
    }

    @Test("keys that can't be used are no success in the statistics")
    func unusableKeys() async throws {
        try await ScriptedHTTPServer.run({ request in
            ScriptedHTTPServer.Response(
                body: request.path == "/keys" ? #"{"keys":[]}"# : #"{"issuer":"https://other.example","jwks_uri":"/keys"}"#)
        }) { server in
            for entry in ["issuer: \"\(server.url)\"", "issuer: https://login.example.org/, jwks-url: \"\(server.url)/keys\""] {
                try await Self.run("\(entry), audience: orders-api") { stack, _ in
                    try await eventually("the fetch has ended") {
                        let requests = try await stack.client.statistics().providerRequests
                        return requests.keys.contains { $0.endpoint == "keys" }
                    }
                    let outcomes = try await stack.client.statistics().providerRequests.keys.filter { $0.endpoint == "keys" }
                    #expect(Set(outcomes.map(\.outcome)) == ["malformed"])
                }
            }
        }
    }

    @Test("a reload with another audience keeps the keys, while the issuer is down")
    func keptKeys() async throws {
        try await Self.run("issuer: EMULATOR/oidc, audience: orders-api") { stack, reload in
            func token(_ audience: String) throws -> String {
                try stack.emulator.issueJWT(AccessTokenRequest(audiences: [audience]), email: "a@example.com")
            }
            #expect(await stack.verify(try token("orders-api")) == "OK")
            stack.emulator.setFault(.badGateway)
            try reload("issuer: EMULATOR/oidc, audience: billing-api")
            #expect(await stack.verify(try token("billing-api")) == "OK")
            #expect(await stack.verify(try token("orders-api")) == "rejected: WRONG_APPLICATION")
            // Another URL of keys may have other keys.
            try reload("issuer: EMULATOR/oidc, audience: billing-api, jwks-url: EMULATOR/oidc/keys")
            #expect(await stack.verify(try token("billing-api")) == "unavailable: PROVIDER_UNAVAILABLE")
            stack.emulator.clearFaults()
            let requests = stack.emulator.statistics[.openIDKeys]
            try await eventually("the keys are fetched") { await stack.verify(try token("billing-api")) == "OK" }
            #expect(stack.emulator.statistics[.openIDKeys] > requests)
        }
    }

    @Test("a key that was kept over a reload is dropped when the issuer removes it")
    func removedKey() async throws {
        try await Self.run("issuer: EMULATOR/oidc, audience: orders-api") { stack, reload in
            let old = try stack.emulator.issueJWT(email: "a@example.com")
            #expect(await stack.verify(old) == "OK")
            try reload("issuer: EMULATOR/oidc, audience: orders-api, leeway: 5s")
            #expect(try await stack.client.verify(old).freshness == .fresh)
            try stack.emulator.rotateKeys(.remove)
            // A token of the new key causes the fetch.
            #expect(await stack.verify(try stack.emulator.issueJWT(email: "b@example.com")) == "OK")
            #expect(await stack.verify(old) != "OK")
        }
    }
}
