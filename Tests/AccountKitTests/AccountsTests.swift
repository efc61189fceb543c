import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

@Suite("Accounts")
struct AccountsTests {
    private static let next = #""https://graph.accountkit.com/v1.3/5432/accounts?access_token=AA%7C1%7Cplanted&limit=25&after="#
    private static let two = #"[{"id":"1","phone":{"number":"+15551234567"}},{"id":"2","email":{"address":"a@example.com"}}]"#

    private func list(
        _ transport: ScriptedTransport, _ request: AccountListRequest = AccountListRequest(),
        settings: AccountKitSettings = Sample.settings()
    ) async throws -> AccountPage {
        try await Sample.verifier(transport, settings: settings).accounts(request, deadline: Sample.deadline())
    }

    private func delete(
        _ transport: ScriptedTransport, _ request: AccountDeletionRequest = AccountDeletionRequest(accountID: "12345"),
        settings: AccountKitSettings = Sample.settings()
    ) async throws {
        try await Sample.verifier(transport, settings: settings).deleteAccount(request, deadline: Sample.deadline())
    }

    private func page(of body: String, limit: Int = 100) -> AccountPage? {
        JSONValue(bytes: Array(body.utf8)).flatMap { value in
            guard case .object(let object) = value else { return nil }
            return AccountsResponse(object, limit: limit)?.page
        }
    }

    @Test("E6 asks as the application, and goes on with the cursor alone")
    func pages() async throws {
        let transport = ScriptedTransport(
            .answer(200, #"{"data":\#(Self.two),"paging":{"next":\#(Self.next)MTAx%3D"}}"#),
            .answer(200, #"{"data":[],"paging":{}}"#))
        let first = try await list(transport, AccountListRequest(pageSize: 2))
        #expect(first.accounts == [Account(id: "1", phoneNumber: "+15551234567"), Account(id: "2", email: "a@example.com")])
        #expect(first.next == "MTAx=")
        let last = try await list(transport, AccountListRequest(pageSize: 2, after: first.next))
        #expect(last == AccountPage(accounts: []))
        let url =
            "https://graph.accountkit.com/v1.3/5432154321543210/accounts/"
            + "?access_token=AA%7C5432154321543210%7C0123456789abcdef0123456789abcdef&limit=2"
        #expect(await transport.requests.map(\.url) == [url, url + "&after=MTAx%3D"])
        #expect(await transport.requests.allSatisfy { $0.method == .get && $0.isRepeatable })
    }

    @Test("E5 has the account in its path")
    func deletes() async throws {
        let transport = ScriptedTransport(.answer(200, #"{"success":true}"#))
        try await delete(transport)
        let request = try #require(await transport.requests.first)
        #expect(request.method == .delete && request.isRepeatable)
        #expect(
            request.url == "https://graph.accountkit.com/v1.3/12345"
                + "?access_token=AA%7C5432154321543210%7C0123456789abcdef0123456789abcdef")
    }

    @Test(
        "a page is believed only if all of it makes sense",
        arguments: [
            "{}", #"{"data":{}}"#, #"{"data":[1]}"#, #"{"data":[{"id":1,"email":{"address":"a@b"}}]}"#,
            #"{"data":[{"id":"x","email":{"address":"a@b"}}]}"#, #"{"data":[{"id":"1"}]}"#,
            #"{"data":[{"id":"1","phone":{"number":"1555"}}]}"#, #"{"data":[{"id":"1","phone":{"number":"+"}}]}"#,
            #"{"data":[{"id":"1","email":{"address":"a\u0000@b"}}]}"#,
            #"{"data":[{"id":"1","email":{"address":"a@b"},"phone":{"number":"+1"}}]}"#, #"{"data":[],"paging":[]}"#,
            #"{"data":[],"paging":{"next":1}}"#, #"{"data":[],"paging":{"next":""}}"#,
            #"{"data":[],"paging":{"next":"https://x/accounts"}}"#, #"{"data":[],"paging":{"next":"https://x/accounts?limit=1"}}"#,
            #"{"data":[],"paging":{"next":"https://x/accounts?after="}}"#,
            #"{"data":[],"paging":{"next":"https://x/accounts?after=AA%7C1%7Csecret"}}"#,
            #"{"data":[],"paging":{"next":"https://x/accounts?after=1&after=2"}}"#,
            #"{"data":[],"paging":{"next":"https://x/accounts?after=%4"}}"#,
            #"{"data":[],"paging":{"next":"https://x/accounts?after=%FF"}}"#,
        ])
    func nonsense(body: String) {
        #expect(page(of: body) == nil)
    }

    @Test(
        "the end is said in three ways",
        arguments: [#"{"data":[]}"#, #"{"data":[],"paging":null}"#, #"{"data":[],"paging":{"next":null}}"#])
    func end(body: String) {
        #expect(page(of: body) == AccountPage(accounts: []))
    }

    @Test("more accounts than were asked for are nonsense, as is a cursor that is too long")
    func bounds() {
        #expect(page(of: #"{"data":\#(Self.two)}"#, limit: 2) != nil)
        #expect(page(of: #"{"data":\#(Self.two)}"#, limit: 1) == nil)
        let longest = String(repeating: "a", count: PageCursor.maximumBytes)
        #expect(page(of: #"{"data":[],"paging":{"next":\#(Self.next)\#(longest)"}}"#)?.next == longest)
        #expect(page(of: #"{"data":[],"paging":{"next":\#(Self.next)\#(longest)a"}}"#) == nil)
    }

    @Test("a page that leads to itself is nonsense, and not asked for again and again")
    func circle() async throws {
        let transport = ScriptedTransport(.answer(200, #"{"data":[],"paging":{"next":\#(Self.next)7"}}"#))
        let error = await #expect(throws: VerificationError.self) { try await list(transport, AccountListRequest(after: "7")) }
        #expect(error?.code == .providerUnavailable)
    }

    @Test(
        "failures are what they are; a refused application token is a wrong secret",
        arguments: [
            (.answer(500, errorBody(2, "EMApiException", "Service temporarily unavailable")), .providerUnavailable),
            (.answer(403, errorBody(4, "x", "x")), .providerBusy), (.answer(400, errorBody(190, "x", "x")), .providerMisconfigured),
            (.answer(400, errorBody(100, "x", "Invalid appsecret_proof")), .providerMisconfigured),
            (.answer(400, errorBody(100, "x", "x")), .invalidRequest), (.answer(200, "{}"), .providerUnavailable),
            (.answer(200, #"{"success":false}"#), .providerUnavailable), (.failure(.connectFailed), .providerUnavailable),
        ] as [(Result<HTTPResponse, TransportError>, VerificationError.Code)])
    func failures(answer: Result<HTTPResponse, TransportError>, code: VerificationError.Code) async {
        let listing = await #expect(throws: VerificationError.self) { try await list(ScriptedTransport(answer)) }
        #expect(listing?.code == code)
        let deletion = await #expect(throws: VerificationError.self) { try await delete(ScriptedTransport(answer)) }
        #expect(deletion?.code == code)
    }

    @Test("an outage may be a wrong secret, and for a deletion an account that is not there: the message says so")
    func ambiguous() async {
        let outage = Result<HTTPResponse, TransportError>.answer(500, errorBody(2, "EMApiException", "x"))
        let listing = await #expect(throws: VerificationError.self) { try await list(ScriptedTransport(outage)) }
        #expect(listing?.message.contains("check the app id and the Account Kit secret") == true)
        let deletion = await #expect(throws: VerificationError.self) { try await delete(ScriptedTransport(outage)) }
        #expect(deletion?.message.contains("no such account") == true)
    }

    @Test("a page that is too long names the setting, and is not worth asking for again")
    func tooLong() async {
        let transport = ScriptedTransport(.failure(.bodyTooLarge, sent: true))
        let error = await #expect(throws: VerificationError.self) { try await list(transport) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("provider.max-body") == true)
    }

    @Test("what makes no sense, or can't be done, is said without asking")
    func notAsked() async throws {
        let transport = ScriptedTransport()
        for request in [
            AccountListRequest(pageSize: 0), AccountListRequest(pageSize: 1001), AccountListRequest(applicationID: "1"),
            AccountListRequest(after: ""), AccountListRequest(after: "a&b"), AccountListRequest(after: "AA|1|2"),
            AccountListRequest(after: String(repeating: "a", count: 513)),
        ] {
            let error = await #expect(throws: VerificationError.self) { try await list(transport, request) }
            #expect(error?.code == .invalidRequest)
        }
        for id in ["", "1/2", "me", "1?x=", "../1", "-1", "1 ", String(repeating: "1", count: 65)] {
            let error = await #expect(throws: VerificationError.self) {
                try await delete(transport, AccountDeletionRequest(accountID: id))
            }
            #expect(error?.code == .invalidRequest)
        }
        let none = Sample.settings(secret: nil)
        let listing = await #expect(throws: VerificationError.self) { try await list(transport, settings: none) }
        #expect(listing?.code == .providerMisconfigured)
        let deletion = await #expect(throws: VerificationError.self) { try await delete(transport, settings: none) }
        #expect(deletion?.code == .providerMisconfigured)
        #expect(await transport.requests.isEmpty)
    }

    @Test("nothing that comes out of a page shows the token that its URL holds")
    func secrets() async throws {
        let body = #"{"data":\#(Self.two),"paging":{"next":\#(Self.next)7"}}"#
        let shown = RedactionTests.shown(try await list(ScriptedTransport(.answer(200, body))))
        #expect(!shown.contains("planted") && !shown.contains("://"))
        let bad = body.replacingOccurrence(of: "after=7", with: "after=planted%7C")
        let error = await #expect(throws: VerificationError.self) { try await list(ScriptedTransport(.answer(200, bad))) }
        #expect(!RedactionTests.shown(error as Any).contains("planted"))
    }
}
