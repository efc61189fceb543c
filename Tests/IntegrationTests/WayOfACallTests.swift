import DoormanClient
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("The path of a call")
struct WayOfACallTests {
    @Test("a second verification is a cache hit")
    func verify() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let first = try await stack.client.verify(token)
            #expect(first.accountID == stack.emulator.account(ofToken: token))
            #expect(first.applicationID == Stack.ours.id)
            #expect(first.phone == PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"))
            #expect(first.email == nil)
            #expect(first.provider == "account-kit")
            #expect(first.freshness == .fresh)
            #expect(first.validUntil > first.verifiedAt)

            let second = try await stack.client.verify(token)
            #expect(second.freshness == .cached)
            #expect(second.accountID == first.accountID)
            #expect(second.verifiedAt == first.verifiedAt)
            #expect(stack.providerRequests == 1)
        }
    }

    @Test("with the default time-outs, a call whose first provider request hangs succeeds")
    func requestThatHangs() async throws {
        try await Stack.run(settings: {
            let defaults = DoormandSettings()
            $0.transport = defaults.transport
            $0.cache.lookupTimeout = defaults.cache.lookupTimeout
        }) { stack in
            stack.emulator.setFault(.hang, for: .me, calls: 1)
            let token = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(token) == "OK")
            #expect(stack.providerRequests == 2)
        }
    }

    @Test("an account with an e-mail address has no phone")
    func email() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(email: "test@example.com")
            let identity = try await stack.client.verify(token)
            #expect(identity.email == "test@example.com")
            #expect(identity.phone == nil)
        }
    }

    @Test("1,000 concurrent calls with one new token cause one provider request")
    func singleFlight() async throws {
        // A busy machine needs time for a thousand calls.
        try await Stack.run(settings: {
            $0.transport.requestTimeout = .seconds(20)
            $0.cache.lookupTimeout = .seconds(20)
        }) { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(.latency(.milliseconds(300)), for: .me)
            let outcomes = await withTaskGroup(of: String.self) { tasks in
                for _ in 0..<1000 { tasks.addTask { await stack.verify(token) } }
                return await tasks.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(outcomes == ["OK": 1000])
            #expect(stack.providerRequests == 1)
        }
    }

    @Test("each call's max age and application apply to cached entries")
    func conditionsOfCachedEntries() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            _ = try await stack.client.verify(token)
            #expect(try await stack.client.verify(token, applicationID: Stack.ours.id).freshness == .cached)
            await #expect(throws: DoormanError.self) { try await stack.client.verify(token, applicationID: Stack.theirs.id) }
            #expect(try await stack.client.verify(token).freshness == .cached)
            #expect(try await stack.client.verify(token, maxAge: .seconds(30)).freshness == .cached)
        }
    }

    @Test("the token of an exchange is cached")
    func exchange() async throws {
        try await Stack.run { stack in
            let code = AuthorizationCode(try stack.emulator.issueCode(phone: "+15551234567"))
            let exchange = try await stack.client.exchange(code)
            let identity = try #require(exchange.identity)
            #expect(identity.phone?.number == "+15551234567")
            let calls = stack.providerRequests
            #expect(try await stack.client.verify(exchange.token).accountID == identity.accountID)
            #expect(stack.providerRequests == calls)

            let error = await #expect(throws: DoormanError.self) { try await stack.client.exchange(code) }
            #expect(error?.reason == "rejected: TOKEN_REJECTED")
        }
    }

    @Test("a cached token is rejected once its revocation is acknowledged")
    func revokeToken() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let other = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(token) == "OK")
            #expect(await stack.verify(other) == "OK")
            try await stack.client.revoke(Token(token))
            #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
            #expect(await stack.verify(other) == "OK")
            try await stack.client.revoke(Token(token))
        }
    }

    @Test("the revocation of an account rejects its tokens only")
    func revokeAccount() async throws {
        try await Stack.run(settings: Stack.grantAll) { stack in
            let tokens = try (0..<3).map { _ in try stack.emulator.logIn(phone: "+15551234567") }
            let neighbour = try stack.emulator.logIn(phone: "+15557654321")
            for token in tokens + [neighbour] { #expect(await stack.verify(token) == "OK") }
            let account = try #require(stack.emulator.account(ofToken: tokens[0]))
            try await stack.client.revoke(accountID: account)
            for token in tokens { #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED") }
            #expect(await stack.verify(neighbour) == "OK")
        }
    }

    @Test("the health check reports serving")
    func health() async throws {
        try await Stack.run { stack in
            let server = try await stack.client.health()
            let service = try await stack.client.health(service: "doorman.v1.Auth")
            #expect(server == .serving)
            #expect(service == .serving)
        }
    }

    @Test("cache hits are served while the provider hangs")
    func hitsWhileTheProviderHangs() async throws {
        try await Stack.run(settings: { $0.governor.concurrentCalls = 2 }) { stack in
            let cached = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(cached) == "OK")
            stack.emulator.setFault(.hang, for: .me)
            let hanging = try (0..<10).map { try stack.emulator.logIn(phone: "+1555000000\($0)") }
            await withTaskGroup(of: Void.self) { tasks in
                for token in hanging {
                    tasks.addTask { #expect(await stack.verify(token, timeout: .seconds(1)) == "unavailable: DEADLINE_EXCEEDED") }
                }
                for _ in 0..<100 { #expect(await stack.verify(cached) == "OK") }
            }
        }
    }
}
