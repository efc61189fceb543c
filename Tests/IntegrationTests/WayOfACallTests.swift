import DoormanClient
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("The way of a call")
struct WayOfACallTests {
    @Test("a token goes in, its identity comes out; the second time from memory")
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

    @Test("an account that was opened with an e-mail address has that and no phone")
    func email() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(email: "test@example.com")
            let identity = try await stack.client.verify(token)
            #expect(identity.email == "test@example.com")
            #expect(identity.phone == nil)
        }
    }

    @Test("1,000 concurrent calls for one new token cause exactly one call to the provider")
    func oneFlight() async throws {
        try await Stack.run { stack in
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

    @Test("max age and audience are judged at each call, memory or not")
    func judgedAtEachCall() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            _ = try await stack.client.verify(token)
            #expect(try await stack.client.verify(token, applicationID: Stack.ours.id).freshness == .cached)
            await #expect(throws: DoormanError.self) { try await stack.client.verify(token, applicationID: Stack.theirs.id) }
            #expect(try await stack.client.verify(token).freshness == .cached)
            #expect(try await stack.client.verify(token, maxAge: .seconds(30)).freshness == .cached)
        }
    }

    @Test("a code is exchanged once for a token, whose identity is then known without asking")
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
            #expect(error?.reason == "refused: TOKEN_REJECTED")
        }
    }

    @Test("a revoked token is refused from the moment that the revocation is answered, though it was in memory")
    func revokeToken() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let other = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(token) == "OK")
            #expect(await stack.verify(other) == "OK")
            try await stack.client.revoke(Token(token))
            #expect(await stack.verify(token) == "refused: TOKEN_REJECTED")
            #expect(await stack.verify(other) == "OK")
            try await stack.client.revoke(Token(token))
        }
    }

    @Test("revoking an account refuses all its tokens and nobody else's")
    func revokeAccount() async throws {
        try await Stack.run { stack in
            let tokens = try (0..<3).map { _ in try stack.emulator.logIn(phone: "+15551234567") }
            let neighbour = try stack.emulator.logIn(phone: "+15557654321")
            for token in tokens + [neighbour] { #expect(await stack.verify(token) == "OK") }
            let account = try #require(stack.emulator.account(ofToken: tokens[0]))
            try await stack.client.revoke(accountID: account)
            for token in tokens { #expect(await stack.verify(token) == "refused: TOKEN_REJECTED") }
            #expect(await stack.verify(neighbour) == "OK")
        }
    }

    @Test("the server says that it serves")
    func health() async throws {
        try await Stack.run { stack in
            let server = try await stack.client.health()
            let service = try await stack.client.health(service: "doorman.v1.Auth")
            #expect(server == .serving)
            #expect(service == .serving)
        }
    }

    @Test("hits go on being served while the provider hangs and every slot is taken")
    func hitsWhileTheProviderHangs() async throws {
        try await Stack.run(settings: { $0.governor.concurrentCalls = 2 }) { stack in
            let remembered = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(remembered) == "OK")
            stack.emulator.setFault(.hang, for: .me)
            let hanging = try (0..<10).map { try stack.emulator.logIn(phone: "+1555000000\($0)") }
            await withTaskGroup(of: Void.self) { tasks in
                for token in hanging {
                    tasks.addTask { #expect(await stack.verify(token, timeout: .seconds(1)) == "unavailable: DEADLINE_EXCEEDED") }
                }
                for _ in 0..<100 { #expect(await stack.verify(remembered) == "OK") }
            }
        }
    }
}
