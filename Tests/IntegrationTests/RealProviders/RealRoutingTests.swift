import AccountKitEmulator
import DoormanClient
import Foundation
import Logging
import TestKit
import Testing

@Suite(
    "Several of other people's providers", .serialized, .enabled(if: IdentityProvider.isInstalled, IdentityProvider.reason),
    .timeLimit(.minutes(2)))
struct RealRoutingTests {
    private static func jwt(_ name: String, _ issuer: String) -> String {
        "- {name: \(name), kind: jwt, issuer: \"\(issuer)\", audience: [orders-api]}\n"
    }

    private static func introspection(_ name: String, _ baseURL: String) -> String {
        "- {name: \(name), kind: introspection, endpoint: \"\(baseURL)/introspect\", client-id: doorman, "
            + "client-secret-file: \(name).secret, audience: [orders-api]}\n"
    }

    /// Runs the body with a server that knows the tokens of nanoidp as `corp`, and those of Authlib as `signed` and `partner`.
    private func withThreeProviders(_ body: (ProviderStack, NanoIDP, AuthlibServer) async throws -> Void) async throws {
        try await withNanoIDP { nanoidp in
            try await withAuthlibServer { authlib, _ in
                let providers =
                    Self.jwt("corp", nanoidp.issuer) + Self.jwt("signed", authlib.issuer)
                    + Self.introspection("partner", authlib.issuer)
                let files = ProviderStack.Files(providers: providers, secrets: ["partner.secret": AuthlibServer.secret])
                try await ProviderStack.run([], files) { try await body($0, nanoidp, authlib) }
            }
        }
    }

    @Test("a token goes to its issuer, and an opaque token to the introspection endpoint")
    func routing() async throws {
        try await withThreeProviders { stack, nanoidp, authlib in
            let tokens = [try await nanoidp.token(), try await authlib.jwt(), try await authlib.token()]
            var providers: [String] = []
            for token in tokens { providers.append(try await stack.identity(token).provider) }
            #expect(providers == ["corp", "signed", "partner"])
            // The check of the credential at the start, and the opaque token.
            #expect(authlib.provider.requests("POST /introspect") == 2)
            #expect(nanoidp.provider.requests("POST /introspect") == 0)
        }
    }

    @Test("a call that names a provider gets only its tokens")
    func namedProvider() async throws {
        try await withThreeProviders { stack, nanoidp, authlib in
            let (ours, opaque) = (try await nanoidp.token(), try await authlib.token())
            #expect(await stack.verify(ours, provider: "corp") == "OK")
            #expect(await stack.verify(opaque, provider: "partner") == "OK")
            // From the valid entries.
            #expect(await stack.verify(ours, provider: "signed") == "rejected: WRONG_PROVIDER")
            #expect(await stack.verify(opaque, provider: "corp") == "rejected: WRONG_PROVIDER")
            #expect(await stack.verify(ours, provider: "corp") == "OK")
            #expect(await stack.verify(ours, provider: "no-such-provider") != "OK")
        }
    }

    @Test("a token that no provider could have issued is malformed")
    func malformed() async throws {
        try await withNanoIDP { nanoidp in
            try await withAuthlibServer { authlib, _ in
                let files = ProviderStack.Files(providers: Self.jwt("corp", nanoidp.issuer) + Self.jwt("signed", authlib.issuer))
                try await ProviderStack.run([], files) { stack in
                    let count = nanoidp.provider.requests()
                    let opaque = try await authlib.token()
                    #expect(await stack.verify(opaque) == "rejected: MALFORMED_TOKEN")
                    #expect(nanoidp.provider.requests() == count)
                    #expect(authlib.provider.requests("POST /introspect") == 0)
                }
            }
        }
    }

    @Test("a token that lacks a required scope is forbidden, which changes nothing for other calls")
    func scopes() async throws {
        try await withThreeProviders { stack, nanoidp, authlib in
            for (token, scope) in [(try await nanoidp.token(), "profile"), (try await authlib.token(), "orders:read")] {
                #expect(await stack.verify(token, scopes: [scope, "orders:write"]) == "forbidden: INSUFFICIENT_SCOPE")
                #expect(await stack.verify(token, scopes: [scope]) == "OK")
                #expect(await stack.verify(token, scopes: ["orders:write"]) == "forbidden: INSUFFICIENT_SCOPE")
                #expect(await stack.verify(token) == "OK")
            }
        }
    }

    @Test("a reload that removes a provider drops its cached tokens")
    func removedProvider() async throws {
        try await withThreeProviders { stack, nanoidp, authlib in
            let (ours, theirs) = (try await nanoidp.token(), try await authlib.jwt())
            for token in [ours, theirs] { #expect(await stack.verify(token) == "OK") }
            let others = Self.jwt("signed", authlib.issuer) + Self.introspection("partner", authlib.issuer)
            try await stack.reload(others)
            // The token now goes to the introspection endpoint, as any that has no issuer here.
            #expect(await stack.verify(ours) == "rejected: TOKEN_REJECTED")
            #expect(try await stack.identity(theirs).freshness == .cached)
            try await stack.reload(Self.jwt("corp", nanoidp.issuer) + others)
            #expect(try await stack.identity(theirs).freshness == .cached)
            try await eventually("the rejection of the token is forgotten", within: .seconds(30)) {
                await stack.verify(ours, provider: "corp") == "OK"
            }
        }
    }

    @Test("a reload that adds a provider makes its tokens valid")
    func addedProvider() async throws {
        try await withNanoIDP { nanoidp in
            try await withAuthlibServer { authlib, _ in
                let first = Self.jwt("corp", nanoidp.issuer)
                try await ProviderStack.run([], ProviderStack.Files(providers: first)) { stack in
                    let ours = try await nanoidp.token()
                    #expect(await stack.verify(ours) == "OK")
                    try await stack.reload(first + Self.jwt("signed", authlib.issuer))
                    #expect(try await stack.identity(try await authlib.jwt()).provider == "signed")
                    #expect(try await stack.identity(ours).freshness == .cached)
                }
            }
        }
    }

    /// What a service does with a token. It knows no provider.
    private static func greeting(_ token: String, port: Int) async throws -> String {
        let client = DoormanClient(target: .hostAndPort("127.0.0.1", port))
        let greeting: String
        do throws(DoormanError) {
            greeting = "Hello, \(try await client.verify(Token(token)).accountID)"
        } catch {
            greeting = "\(error.kind)"
        }
        await client.close()
        return greeting
    }

    /// Returns a token with another character near its end, in the signature if it has one.
    private static func forged(_ token: String) -> String {
        var characters = Array(token)
        characters[characters.count - 10] = characters[characters.count - 10] == "A" ? "B" : "A"
        return String(characters)
    }

    @Test("a service moves from Account Kit to an OpenID provider by the settings file alone")
    func migration() async throws {
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        try await withNanoIDP { nanoidp in
            let phone = try emulator.logIn(phone: "+15551234567")
            let account = try #require(emulator.account(ofToken: phone))
            let worlds = [
                (
                    "account-kit: {url: \(emulator.baseURL), application-id: \(Stack.ours.id), app-secret-file: FOLDER/app.secret}",
                    phone, account
                ),
                ("jwt: {issuer: \(nanoidp.issuer), audience: [\(NanoIDP.audience)]}", try await nanoidp.token(), "anna"),
            ]
            for (text, token, account) in worlds {
                var files = ProviderStack.Files(secrets: ["app.secret": Stack.ours.secret])
                files.settings = text
                try await ProviderStack.run([], files) { stack in
                    let greetings = [
                        try await Self.greeting(token, port: stack.port),
                        try await Self.greeting(Self.forged(token), port: stack.port),
                    ]
                    #expect(greetings == ["Hello, \(account)", "rejected(TOKEN_REJECTED)"])
                }
            }
        }
        try await emulator.stop()
    }
}
