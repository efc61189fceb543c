import DoormanClient
import DoormanCore
import DoormanWire
import TestKit
import Testing

@Suite("accounts over a socket", .timeLimit(.minutes(2)))
struct ClientAccountsTests {
    private func patient(_ peer: ScriptedPeer) -> DoormanClient {
        DoormanClient(target: peer.target, configuration: .patient)
    }

    private func answer(_ call: ReceivedCall, _ connection: PeerConnection, _ page: AccountPage) async throws {
        try await connection.answer(call, try #require(ResponseEncoder.encode(page)))
    }

    @Test("a page and a deletion send their own requests")
    func calls() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let page = client.accountPage(applicationID: "5432", pageSize: 7, after: "MTAx=")
        let connection = try await peer.accept()
        var call = try await connection.nextCall()
        #expect(call.method == .listAccounts && call.secret == "7 MTAx=" && call.applicationID == "5432")
        let expected = AccountPage(accounts: [Account(id: "1", phoneNumber: "+15551234567")], next: "MTAy")
        try await answer(call, connection, expected)
        #expect(try await page == expected)

        async let deleted = client.deleteAccount("1011", applicationID: "5432")
        call = try await connection.nextCall()
        #expect(call.method == .deleteAccount && call.secret == "1011" && call.applicationID == "5432")
        try await connection.answer(call, ResponseEncoder.encodeAccountDeleted())
        _ = try await deleted
        await client.close()
    }

    @Test("a page is requested only when the page before it is used up")
    func sequence() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let pages = [
            AccountPage(accounts: [Account(id: "1"), Account(id: "2")], next: "a"), AccountPage(accounts: [], next: "b"),
            AccountPage(accounts: [Account(id: "3")]),
        ]
        var iterator = client.accounts(pageSize: 2).makeAsyncIterator()
        let first = Task { [iterator] in
            var iterator = iterator
            let account = try await iterator.next()
            return (account, iterator)
        }
        let connection = try await peer.accept()
        var call = try await connection.nextCall()
        #expect(call.secret == "2 ")
        try await answer(call, connection, pages[0])
        let account: Account?
        (account, iterator) = try await first.value
        #expect(account?.id == "1")
        #expect(try await iterator.next()?.id == "2")
        #expect(try connection.callIfThere() == nil)
        let rest = Task { [iterator] in
            var iterator = iterator
            var ids: [String] = []
            while let account = try await iterator.next() { ids.append(account.id) }
            return ids
        }
        for (after, page) in [("a", pages[1]), ("b", pages[2])] {
            call = try await connection.nextCall()
            #expect(call.secret == "2 \(after)")
            try await answer(call, connection, page)
        }
        #expect(try await rest.value == ["3"])
        await client.close()
    }

    @Test("a caller without permission gets an error that is not retryable")
    func notAllowed() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let listing = Task {
            for try await _ in client.accounts() { Issue.record("there is no account") }
        }
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), FailureResponse(.callerNotAllowed, "not you"))
        let error = await #expect(throws: DoormanError.self) { try await listing.value }
        #expect(error?.kind == .unavailable(.callerNotAllowed))
        #expect(error?.isRetryable == false)
        await client.close()
    }

    @Test("an empty ID is not sent, because servers take it for any")
    func empty() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let error = await #expect(throws: DoormanError.self) { try await client.deleteAccount("") }
        #expect(error?.kind == .unavailable(.malformedRequest) && error?.isRetryable == false)
        await #expect(throws: DoormanError.self) { try await client.deleteAccount("1", applicationID: "") }
        await #expect(throws: DoormanError.self) { try await client.deleteAccount("1", provider: "") }
        await #expect(throws: DoormanError.self) { try await client.accountPage(applicationID: "") }
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }

    @Test("an ID with a NUL byte is not sent")
    func nul() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        await #expect(throws: DoormanError.self) { try await client.deleteAccount("1\u{0}2") }
        await #expect(throws: DoormanError.self) { try await client.accountPage(after: "1\u{0}2") }
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }
}
