import DoormanClient
import DoormanServer
import DoormanSupport
import Testing

@testable import DoormanDaemon

@Suite("Accounts, end to end")
struct AccountsTests {
    @Test("pages list the accounts of our application only")
    func list() async throws {
        try await Stack.run(settings: Stack.grantAll) { stack in
            let phones = (0..<7).map { "+1555123456\($0)" }
            for phone in phones { _ = try stack.emulator.logIn(phone: phone) }
            _ = try stack.emulator.logIn(email: "test@example.com")
            _ = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15557654321")
            var accounts: [Account] = []
            for try await account in stack.client.accounts(pageSize: 3) { accounts.append(account) }
            #expect(accounts.map(\.phoneNumber) == phones + [nil])
            #expect(accounts.last?.email == "test@example.com")
            #expect(stack.requestsOfCalls == 3)
            // The cursor contains only the start of the next page.
            let page = try await stack.client.accountPage(pageSize: 3)
            #expect(page.accounts == Array(accounts[..<3]))
            #expect(page.next.map { $0.allSatisfy(\.isNumber) } == true)
        }
    }

    @Test("a deleted account's cached token is rejected at once")
    func delete() async throws {
        try await Stack.run(settings: Stack.grantAll) { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let neighbour = try stack.emulator.logIn(phone: "+15557654321")
            for token in [token, neighbour] { #expect(await stack.verify(token) == "OK") }
            let account = try #require(stack.emulator.account(ofToken: token))
            try await stack.client.deleteAccount(account)
            #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
            #expect(await stack.verify(neighbour) == "OK")
            let left = try await stack.client.accountPage()
            #expect(left.accounts.map(\.phoneNumber) == ["+15557654321"])
            #expect(left.next == nil)
            // Account Kit returns the same error for an unknown account as for an outage.
            let error = await #expect(throws: DoormanError.self) { try await stack.client.deleteAccount(account) }
            #expect(error?.reason == "unavailable: PROVIDER_UNAVAILABLE")
            #expect(error?.message.contains("no such account") == true)
        }
    }

    @Test("without permission no call reaches the provider")
    func notAllowed() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let account = try #require(stack.emulator.account(ofToken: token))
            let deletion = await #expect(throws: DoormanError.self) { try await stack.client.deleteAccount(account) }
            #expect(deletion?.reason == "unavailable: CALLER_NOT_ALLOWED")
            let listing = await #expect(throws: DoormanError.self) { try await stack.client.accountPage() }
            #expect(listing?.reason == "unavailable: CALLER_NOT_ALLOWED")
            #expect(stack.requestsOfCalls == 0)
            #expect(await stack.verify(token) == "OK")
        }
    }

    @Test("a missing app secret is reported as misconfiguration")
    func withoutSecret() async throws {
        try await Stack.run(settings: {
            Stack.grantAll(&$0)
            $0.accountKit.appSecretFile = ""
        }) { stack in
            let error = await #expect(throws: DoormanError.self) { try await stack.client.accountPage() }
            #expect(error?.reason == "unavailable: PROVIDER_MISCONFIGURED")
        }
    }

    @Test("a page above the limit of response bodies names the setting to raise")
    func pageTooLong() async throws {
        try await Stack.run(settings: {
            Stack.grantAll(&$0)
            $0.transport.maximumBodyBytes = 1024
        }) { stack in
            for number in 0..<30 { _ = try stack.emulator.logIn(phone: "+155512345\(10 + number)") }
            let error = await #expect(throws: DoormanError.self) { try await stack.client.accountPage() }
            #expect(error?.reason == "unavailable: MALFORMED_REQUEST")
            #expect(error?.message.contains("provider.max-body") == true)
            #expect(try await stack.client.accountPage(pageSize: 5).accounts.count == 5)
        }
    }
}
