import DoormanClient
import Foundation
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite(
    "JSON Web Tokens of other people's providers", .serialized, .enabled(if: IdentityProvider.isInstalled, IdentityProvider.reason),
    .timeLimit(.minutes(2)))
struct RealJWTTests {
    @Test("a token of nanoidp verifies with the keys that discovery finds")
    func discovery() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(nanoidp.jwtFlags + ["--jwt-claims", "tenant,authorities"]) { stack in
                let before = Date()
                let identity = try await stack.identity(try await nanoidp.token())
                #expect(identity.accountID == "anna" && identity.applicationID == NanoIDP.audience && identity.provider == "jwt")
                #expect(identity.scopes == ["openid", "profile"] && identity.issuer == nanoidp.issuer)
                #expect(identity.claims == ["tenant": #""default""#, "authorities": #"["ROLE_USER"]"#])
                #expect(identity.freshness == .fresh)
                let lifetime = Double(try #require(identity.expiresAt).millisecondsSince1970) / 1000 - before.timeIntervalSince1970
                #expect((3590...3610).contains(lifetime), "nanoidp issues tokens for an hour")
                #expect(nanoidp.provider.requests("/.well-known/openid-configuration") == 1)
                #expect(nanoidp.provider.requests("/.well-known/jwks.json") == 1)
            }
        }
    }

    @Test("the second call is a cache hit, even while the issuer is down")
    func cacheHit() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(nanoidp.jwtFlags) { stack in
                let token = try await nanoidp.token()
                #expect(try await stack.identity(token).freshness == .fresh)
                let count = nanoidp.provider.requests()
                #expect(try await stack.identity(token).freshness == .cached)
                #expect(nanoidp.provider.requests() == count)
                try await nanoidp.provider.stop()
                #expect(try await stack.identity(token).freshness == .cached)
            }
        }
    }

    @Test("a new token verifies with the keys fetched before while the issuer is down")
    func downLater() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(nanoidp.jwtFlags) { stack in
                let tokens = try await nanoidp.tokens(2)
                #expect(await stack.verify(tokens[0]) == "OK")
                try await nanoidp.provider.stop()
                #expect(try await stack.identity(tokens[1]).freshness == .fresh)
                #expect(await stack.verify(tokens[0], maxAge: .seconds(1)) == "OK")
            }
        }
    }

    @Test("a cached token is rejected once it has expired")
    func expiry() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(nanoidp.jwtFlags) { stack in
                let (other, token) = (try await nanoidp.token(), try await nanoidp.tokens(1, minutes: 0.07)[0])
                let end = try #require(try await stack.identity(token).expiresAt)
                #expect(try await stack.identity(token).validUntil <= end)
                #expect(await stack.verify(other) == "OK")
                try await eventually("the token is no longer valid", within: .seconds(20)) { await stack.verify(token) != "OK" }
                #expect(Int64(Date().timeIntervalSince1970 * 1000) >= end.millisecondsSince1970)
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
                #expect(await stack.verify(other) == "OK")
            }
        }
    }

    @Test("a token that Doorman revokes is rejected, though the issuer calls it active")
    func localRevocation() async throws {
        try await withNanoIDP { nanoidp in
            try await ProviderStack.run(nanoidp.jwtFlags) { stack in
                let (token, other) = (try await nanoidp.token(), try await nanoidp.token())
                #expect(await stack.verify(token) == "OK")
                #expect(await stack.revoke(token) == "OK")
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
                #expect(await stack.verify(other) == "OK")
                #expect(try await nanoidp.isActive(token))
            }
        }
    }

    /// A call counts as failed whatever its reason.
    @Test("no call fails while the keys rotate under the load of 64 callers")
    func rotation() async throws {
        try await withNanoIDP { nanoidp in
            let limits = ["misses-per-second", "misses-burst", "network-misses-per-second", "network-misses-burst"]
            let flags = nanoidp.jwtFlags + limits.flatMap { ["--authorization-\($0)", "100000"] }
            try await ProviderStack.run(flags) { stack in
                let old = try await nanoidp.tokens(64)
                #expect(await stack.verify(old[0]) == "OK")
                let load = RotationLoad(tokens: old)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<64 { group.addTask { await load.call(stack, from: caller * 37) } }
                    group.addTask {
                        defer { load.end() }
                        try await eventually("each old token is verified") { load.verified == 64 }
                        try await nanoidp.rotateKeys()
                        load.add(try await nanoidp.tokens(64))
                        try await eventually("each new token is verified") { load.verified == 128 || !load.failures.isEmpty }
                    }
                    try await group.waitForAll()
                }
                #expect(load.failures == [])
                // The keys at the start, and those with the new key.
                #expect(nanoidp.provider.requests("/.well-known/jwks.json") == 2)
            }
        }
    }

    @Test("cached tokens of a withdrawn key are dropped when the next key arrives")
    func withdrawnKey() async throws {
        try await withAuthlibServer { authlib, _ in
            try await ProviderStack.run(authlib.jwtFlags + ["--jwt-token-type", "access"]) { stack in
                let old = try await authlib.jwt()
                #expect(try await stack.identity(old).freshness == .fresh)
                #expect(try await stack.identity(old).freshness == .cached)
                try await authlib.withdrawKey()
                #expect(await stack.verify(try await authlib.jwt()) == "OK")
                #expect(await stack.verify(old) != "OK")
            }
        }
    }

    @Test("keys that can't be used do not harm the good key beside them")
    func unusableKeys() async throws {
        try await withAuthlibServer { authlib, _ in
            try await authlib.publishUnusableKeys()
            try await ProviderStack.run(authlib.jwtFlags) { stack in
                let identity = try await stack.identity(try await authlib.jwt())
                #expect(identity.accountID == "user-1" && identity.scopes == ["orders:read"])
                try await stack.waitForLine("loaded the issuer's keys")
                let line = try #require(stack.lines("loaded the issuer's keys").first)
                #expect(line.contains("keys=1") && line.contains("skipped=5"), "\(line)")
            }
        }
    }

    @Test("tokens of an issuer that is down at the start verify once it is up, without a restart")
    func downAtStart() async throws {
        try await withTemporaryFolder { folder in
            let port = try FreePort.find()
            let nanoidp = try await NanoIDP(in: folder, port: port)
            let token = try await nanoidp.token()
            try await nanoidp.provider.stop()
            try await withAuthlibServer { authlib, _ in
                let providers = """
                    - {name: down, kind: jwt, issuer: "\(nanoidp.issuer)", audience: [orders-api]}
                    - {name: up, kind: jwt, issuer: "\(authlib.issuer)", audience: [orders-api]}
                    """
                try await ProviderStack.run([], ProviderStack.Files(providers: providers)) { stack in
                    #expect(await stack.verify(token) == "unavailable: PROVIDER_UNAVAILABLE")
                    #expect(await stack.verify(try await authlib.jwt()) == "OK")
                    #expect(stack.lines("its tokens are unavailable").filter { $0.contains("provider=down") }.count == 1)
                    let again = try await NanoIDP(in: folder, port: port)
                    try await eventually("the token verifies", within: .seconds(40)) { await stack.verify(token) == "OK" }
                    try await again.provider.stop()
                }
            }
        }
    }
}

/// Calls with tokens that grow in number, and their failures.
private final class RotationLoad: Sendable {
    private struct State {
        var tokens: [String]
        var verified: Set<String> = []
        var failures: [String] = []
        var isOver = false
    }

    private let state: NIOLockedValueBox<State>

    init(tokens: [String]) {
        state = NIOLockedValueBox(State(tokens: tokens))
    }

    var verified: Int { state.withLockedValue { $0.verified.count } }
    var failures: [String] { state.withLockedValue { $0.failures } }

    func add(_ tokens: [String]) {
        state.withLockedValue { $0.tokens += tokens }
    }

    func end() {
        state.withLockedValue { $0.isOver = true }
    }

    /// Makes one call after the other until the end. Each third call accepts only a verdict of the last second.
    func call(_ stack: ProviderStack, from start: Int) async {
        var number = start
        while let token = state.withLockedValue({ $0.isOver ? nil : $0.tokens[number % $0.tokens.count] }) {
            let result = await stack.verify(token, maxAge: number.isMultiple(of: 3) ? .seconds(1) : nil)
            state.withLockedValue { state in
                if result == "OK" { state.verified.insert(token) } else { state.failures.append(result) }
            }
            number += 1
        }
    }
}
