import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import StrictJSON
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

    @Test("the request for the next page contains only the cursor of the previous page")
    func pages() async throws {
        let transport = ScriptedTransport(
            .response(200, #"{"data":\#(Self.two),"paging":{"next":\#(Self.next)MTAx%3D"}}"#),
            .response(200, #"{"data":[],"paging":{}}"#))
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

    @Test("E5 has the account id in its path")
    func deletes() async throws {
        let transport = ScriptedTransport(.response(200, #"{"success":true}"#))
        try await delete(transport)
        let request = try #require(await transport.requests.first)
        #expect(request.method == .delete && request.isRepeatable)
        #expect(
            request.url == "https://graph.accountkit.com/v1.3/12345"
                + "?access_token=AA%7C5432154321543210%7C0123456789abcdef0123456789abcdef")
    }

    @Test(
        "a page with any invalid part is malformed",
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
    func malformed(body: String) {
        #expect(page(of: body) == nil)
    }

    @Test(
        "a page without a next URL is the last page",
        arguments: [#"{"data":[]}"#, #"{"data":[],"paging":null}"#, #"{"data":[],"paging":{"next":null}}"#])
    func end(body: String) {
        #expect(page(of: body) == AccountPage(accounts: []))
    }

    @Test("a page that exceeds a limit is malformed")
    func bounds() {
        #expect(page(of: #"{"data":\#(Self.two)}"#, limit: 2) != nil)
        #expect(page(of: #"{"data":\#(Self.two)}"#, limit: 1) == nil)
        let longest = String(repeating: "a", count: PageCursor.maximumBytes)
        #expect(page(of: #"{"data":[],"paging":{"next":\#(Self.next)\#(longest)"}}"#)?.next == longest)
        #expect(page(of: #"{"data":[],"paging":{"next":\#(Self.next)\#(longest)a"}}"#) == nil)
    }

    @Test("a page that links to itself is malformed")
    func circle() async throws {
        let transport = ScriptedTransport(.response(200, #"{"data":[],"paging":{"next":\#(Self.next)7"}}"#))
        let error = await #expect(throws: VerificationError.self) { try await list(transport, AccountListRequest(after: "7")) }
        #expect(error?.code == .providerUnavailable)
    }

    @Test(
        "listing and deletion map a failure to the same code",
        arguments: [
            (.response(500, errorBody(2, "EMApiException", "Service temporarily unavailable")), .providerUnavailable),
            (.response(403, errorBody(4, "x", "x")), .providerBusy),
            (.response(400, errorBody(190, "OAuthException", "x")), .providerMisconfigured),
            (.response(400, errorBody(100, "x", "Invalid appsecret_proof")), .providerMisconfigured),
            (.response(400, errorBody(100, "x", "x")), .providerUnavailable), (.response(200, "{}"), .providerUnavailable),
            (.response(200, #"{"success":false}"#), .providerUnavailable), (.failure(.connectFailed), .providerUnavailable),
        ] as [(Result<HTTPResponse, TransportError>, VerificationError.Code)])
    func failures(response: Result<HTTPResponse, TransportError>, code: VerificationError.Code) async {
        let listing = await #expect(throws: VerificationError.self) { try await list(ScriptedTransport(response)) }
        #expect(listing?.code == code)
        let deletion = await #expect(throws: VerificationError.self) { try await delete(ScriptedTransport(response)) }
        #expect(deletion?.code == code)
    }

    @Test("the message of an ambiguous outage names the other possible causes")
    func ambiguous() async {
        let outage = Result<HTTPResponse, TransportError>.response(500, errorBody(2, "EMApiException", "x"))
        let listing = await #expect(throws: VerificationError.self) { try await list(ScriptedTransport(outage)) }
        #expect(listing?.message.contains("check the app id and the app secret") == true)
        let deletion = await #expect(throws: VerificationError.self) { try await delete(ScriptedTransport(outage)) }
        #expect(deletion?.message.contains("has no such account") == true)
    }

    @Test("the error of a page that is too long names the setting")
    func tooLong() async {
        let transport = ScriptedTransport(.failure(.bodyTooLarge, sent: true))
        let error = await #expect(throws: VerificationError.self) { try await list(transport) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("provider.max-body") == true)
    }

    @Test("a request that can't succeed is not sent")
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

    @Test("the app token of a page's next URL is in no description")
    func secrets() async throws {
        let body = #"{"data":\#(Self.two),"paging":{"next":\#(Self.next)7"}}"#
        let shown = RedactionTests.shown(try await list(ScriptedTransport(.response(200, body))))
        #expect(!shown.contains("planted") && !shown.contains("://"))
        let bad = body.replacingOccurrence(of: "after=7", with: "after=planted%7C")
        let error = await #expect(throws: VerificationError.self) { try await list(ScriptedTransport(.response(200, bad))) }
        #expect(!RedactionTests.shown(error as Any).contains("planted"))
    }
}
