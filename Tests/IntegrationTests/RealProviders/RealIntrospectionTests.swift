import DoormanClient
import Foundation
import TestKit
import Testing

@Suite(
    "Introspection at other people's providers", .serialized, .enabled(if: IdentityProvider.isInstalled, IdentityProvider.reason),
    .timeLimit(.minutes(2)))
struct RealIntrospectionTests {
    private static func flags(
        _ baseURL: String, _ clientID: String = "doorman",
        _ more: [String] = ["--introspection-client-secret-file", "FOLDER/client.secret"]
    ) -> [String] {
        [
            "--introspection-endpoint", baseURL + "/introspect", "--introspection-revocation-endpoint", baseURL + "/revoke",
            "--introspection-client-id", clientID, "--introspection-audience", "orders-api",
        ] + more
    }

    private static func files(_ secret: String) -> ProviderStack.Files { .init(secrets: ["client.secret": secret]) }

    @Test("nanoidp's response becomes the identity")
    func identity() async throws {
        try await withNanoIDP { nanoidp in
            let flags =
                Self.flags(nanoidp.issuer) + ["--introspection-issuer", nanoidp.issuer, "--introspection-claims", "username"]
            try await ProviderStack.run(flags, Self.files(NanoIDP.secret)) { stack in
                let token = try await nanoidp.token()
                let identity = try await stack.identity(token)
                #expect(identity.accountID == "anna" && identity.applicationID == NanoIDP.audience)
                #expect(identity.provider == "introspection" && identity.issuer == nanoidp.issuer)
                #expect(identity.scopes == ["openid", "profile"] && identity.claims == ["username": #""anna""#])
                #expect(identity.expiresAt != nil && identity.freshness == .fresh)
                let count = nanoidp.provider.requests()
                #expect(try await stack.identity(token).freshness == .cached)
                #expect(nanoidp.provider.requests() == count)
            }
        }
    }

    /// A client of the Authlib server and the way in which it authenticates.
    struct Method: Sendable, CustomStringConvertible {
        let clientID: String
        let name: String
        let keyFile: String?
        var algorithm: String?

        var description: String { "\(name) \(clientID) \(algorithm ?? "")" }

        func arguments(keys folder: URL) -> [String] {
            let file = keyFile.map { ["--introspection-private-key-file", folder.appendingPathComponent($0).path] }
            return ["--introspection-client-auth", name] + (file ?? ["--introspection-client-secret-file", "FOLDER/client.secret"])
                + (algorithm.map { ["--introspection-signing-algorithm", $0] } ?? [])
        }
    }

    @Test(
        "Authlib accepts every way in which Doorman authenticates",
        arguments: [
            Method(clientID: "doorman", name: "client_secret_basic", keyFile: nil),
            Method(clientID: "doorman-post", name: "client_secret_post", keyFile: nil),
            Method(clientID: "doorman-rsa", name: "private_key_jwt", keyFile: "rsa.pem"),
            Method(clientID: "doorman-rsa", name: "private_key_jwt", keyFile: "rsa.pem", algorithm: "PS256"),
            Method(clientID: "doorman-ec", name: "private_key_jwt", keyFile: "ec.pem"),
            Method(clientID: "doorman-ed25519", name: "private_key_jwt", keyFile: "ed25519.pem"),
        ])
    func authentication(method: Method) async throws {
        try await withAuthlibServer { authlib, folder in
            let flags = Self.flags(authlib.issuer, method.clientID, method.arguments(keys: folder))
            try await ProviderStack.run(flags, Self.files(AuthlibServer.secret)) { stack in
                let token = try await authlib.token()
                let identity = try await stack.identity(token)
                #expect(identity.accountID == "user-1" && identity.scopes == ["orders:read"] && identity.issuer == authlib.issuer)
                #expect(await stack.verify(String(token.reversed())) == "rejected: TOKEN_REJECTED")
                #expect(await stack.revoke(token) == "OK")
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
                // All requests were accepted, the check of the credential at the start among them.
                #expect(authlib.provider.requests(" 401 ") == 0 && authlib.provider.requests(" 400 ") == 0)
                #expect(stack.lines("error").isEmpty, "\(stack.doormand.errorOutput)")
            }
        }
    }

    @Test("an inactive token is rejected, also from the cache")
    func inactive() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(Self.flags(nanoidp.issuer), Self.files(NanoIDP.secret)) { stack in
                #expect(await stack.verify("no-such-token-0123456789") == "rejected: TOKEN_REJECTED")
                let count = nanoidp.provider.requests()
                #expect(await stack.verify("no-such-token-0123456789") == "rejected: TOKEN_REJECTED")
                #expect(nanoidp.provider.requests() == count)
            }
        }
    }

    @Test("a cached opaque token is rejected once it has expired")
    func expiry() async throws {
        try await withAuthlibServer { authlib, _ in
            try await ProviderStack.run(Self.flags(authlib.issuer), Self.files(AuthlibServer.secret)) { stack in
                let token = try await authlib.token(of: "short")
                let end = try #require(try await stack.identity(token).expiresAt)
                try await eventually("the token is no longer valid", within: .seconds(20)) { await stack.verify(token) != "OK" }
                #expect(Int64(Date().timeIntervalSince1970 * 1000) >= end.millisecondsSince1970)
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
            }
        }
    }

    @Test("a wrong client secret rejects no token, and is one line in the log", arguments: ["nanoidp", "authlib"])
    func wrongSecret(peer: String) async throws {
        func check(_ baseURL: String, _ token: String) async throws {
            let providers = """
                - name: partner
                  kind: introspection
                  endpoint: \(baseURL)/introspect
                  client-id: doorman
                  client-secret-file: client.secret
                """
            let files = ProviderStack.Files(providers: providers, secrets: ["client.secret": "not-the-secret-of-doorman"])
            try await ProviderStack.run([], files) { stack in
                for token in [token, "no-such-token-0123456789", token] {
                    #expect(await stack.verify(token) == "unavailable: PROVIDER_MISCONFIGURED")
                }
                try await stack.waitForLine(" error ")
                let errors = stack.lines(" error ")
                #expect(errors.count == 1 && errors[0].contains("provider=partner"), "\(errors)")
                #expect(errors.first?.contains("\(stack.folder.path)/client.secret") == true, "\(errors)")
            }
        }
        if peer == "nanoidp" {
            try await withNanoIDP { try await check($0.issuer, try await $0.token()) }
        } else {
            try await withAuthlibServer { authlib, _ in try await check(authlib.issuer, try await authlib.token()) }
        }
    }

    @Test("a token verifies once the client secret is corrected by a reload")
    func correctedSecret() async throws {
        try await withAuthlibServer { authlib, _ in
            try await ProviderStack.run(Self.flags(authlib.issuer), Self.files("not-the-secret-of-doorman")) { stack in
                let token = try await authlib.token()
                #expect(await stack.verify(token) == "unavailable: PROVIDER_MISCONFIGURED")
                try await stack.reload(AuthlibServer.secret + "\n", as: "client.secret")
                try await eventually("the token verifies") { await stack.verify(token) == "OK" }
                try await stack.waitForLine("the application's credential works again")
                #expect(!stack.doormand.allOutput.contains(AuthlibServer.secret))
            }
        }
    }

    @Test("calls of 64 callers for a new token are one request")
    func singleFlight() async throws {
        try await withAuthlibServer { authlib, _ in
            try await ProviderStack.run(Self.flags(authlib.issuer), Self.files(AuthlibServer.secret)) { stack in
                let token = try await authlib.token()
                try await eventually("the credential is checked") { authlib.provider.requests("POST /introspect") == 1 }
                let results = await withTaskGroup(of: String.self) { group in
                    for _ in 0..<64 { group.addTask { await stack.verify(token) } }
                    return await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(results == ["OK"])
                #expect(authlib.provider.requests("POST /introspect") == 2)
            }
        }
    }

    @Test("a revocation reaches the provider, and Doorman rejects the token at once")
    func revocation() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(Self.flags(nanoidp.issuer), Self.files(NanoIDP.secret)) { stack in
                let (token, other) = (try await nanoidp.token(), try await nanoidp.token())
                #expect(await stack.verify(token) == "OK")
                #expect(await stack.verify(other) == "OK")
                #expect(await stack.revoke(token) == "OK")
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
                #expect(nanoidp.provider.requests("POST /revoke") == 1)
                #expect(try await !nanoidp.isActive(token))
                #expect(await stack.verify(other) == "OK")
            }
        }
    }

    @Test("a token that only its own client may revoke is denied by Doorman")
    func refusedRevocation() async throws {
        try await withAuthlibServer { authlib, _ in
            try await ProviderStack.run(Self.flags(authlib.issuer), Self.files(AuthlibServer.secret)) { stack in
                let token = try await authlib.token(of: "jealous")
                #expect(await stack.verify(token) == "OK")
                #expect(await stack.revoke(token) == "OK")
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
            }
        }
    }
}
