import AccountKitEmulator
import Testing

@Suite("The Graph API")
struct GraphAPITests {
    private static func makeGraph() throws -> GraphAPI {
        var graph = try GraphAPI(apps: [Apps.first, Apps.second])
        graph.revoke(token: "EMAWgone")
        return graph
    }

    struct ErrorCase: CustomTestStringConvertible {
        let testDescription: String
        let method: String
        let target: String
        let status: Int
        let code: Int
        let type: String
        let message: String

        /// - Parameter request: Method and target, as in a request line.
        init(_ name: String, _ request: String, _ status: Int, _ code: Int, _ type: String, _ message: String) {
            let parts = request.split(separator: " ", maxSplits: 1).map(String.init)
            (testDescription, method, target) = (name, parts[0], parts[1])
            (self.status, self.code, self.type, self.message) = (status, code, type, message)
        }
    }

    private static let badToken = "Invalid OAuth access token."
    private static let noToken = "An access token is required to request this resource."
    private static let down = "Service temporarily unavailable"
    private static let badProof = "Invalid appsecret_proof provided in the API argument"
    private static let noProof = "API calls from the server require an appsecret_proof argument"
    private static let unsupported = "Unsupported request method or path."
    private static let exchangeCall = "/v1.3/access_token?grant_type=authorization_code&code="
    private static let wrongApp = "AA|1111111111111111|ffffffffffffffffffffffffffffffff"

    static let errorCases = [
        ErrorCase("garbage token", "GET /v1.3/me?access_token=garbage", 400, 190, "OAuthException", badToken),
        ErrorCase(
            "garbage token with a wrong proof", "GET /v1.3/me?access_token=garbage&appsecret_proof=x", 400, 190,
            "OAuthException", badToken),
        ErrorCase("app token as a user's", "GET /v1.3/me?access_token=\(Apps.firstToken)", 400, 190, "OAuthException", badToken),
        ErrorCase(
            "revoked token", "GET /v1.3/me?access_token=EMAWgone", 400, 190, "EMApiException", "Invalid OAuth 2.0 Access Token"),
        ErrorCase("no token", "GET /v1.3/me", 400, 104, "OAuthException", noToken),
        ErrorCase("empty token", "GET /v1.3/me?access_token=", 400, 104, "OAuthException", noToken),
        ErrorCase("token as a list", "GET /v1.3/me?access_token[]=EMAWphone", 400, 104, "OAuthException", noToken),
        ErrorCase("missing proof", "GET /v1.3/me?access_token=EMAWphone", 400, 100, "GraphMethodException", noProof),
        ErrorCase(
            "wrong proof", "GET /v1.3/me?access_token=EMAWphone&appsecret_proof=\(Proofs.mail)", 400, 100,
            "GraphMethodException",
            badProof),
        ErrorCase(
            "empty proof", "GET /v1.3/me?access_token=EMAWphone&appsecret_proof=", 400, 100, "GraphMethodException", badProof),
        ErrorCase(
            "wrong proof where none is required", "GET /v1.3/me?access_token=EMAWsecond&appsecret_proof=00", 400, 100,
            "GraphMethodException", badProof),
        ErrorCase(
            "another app's token under our proof", "GET /v1.3/me?access_token=EMAWsecond&appsecret_proof=\(Proofs.foreign)", 400,
            100, "GraphMethodException", badProof),
        ErrorCase(
            "log-out without a proof", "POST /v1.3/logout?access_token=EMAWphone", 400, 100, "GraphMethodException", noProof),
        ErrorCase(
            "unknown version", "GET /v1.4/me?access_token=EMAWsecond", 400, 2500, "GraphMethodException",
            "Unknown path components"),
        ErrorCase("unknown path", "GET /v1.3/you?access_token=EMAWsecond", 400, 100, "GraphMethodException", unsupported),
        ErrorCase("me with POST", "POST /v1.3/me?access_token=EMAWsecond", 400, 100, "GraphMethodException", unsupported),
        ErrorCase("log-out with GET", "GET /v1.3/logout?access_token=EMAWsecond", 400, 100, "GraphMethodException", unsupported),
        ErrorCase(
            "bad code", "GET \(exchangeCall)AQx&access_token=\(Apps.firstToken)", 400, 1,
            "OAuthException", "Invalid verification code"),
        ErrorCase(
            "no grant type", "GET /v1.3/access_token?code=AQx&access_token=\(Apps.firstToken)", 400, 100, "OAuthException",
            "(#100) Param grant_type must be authorization_code"),
        ErrorCase(
            "exchange with a wrong secret", "GET \(exchangeCall)AQx&access_token=\(wrongApp)",
            500, 2, "EMApiException", down),
        ErrorCase(
            "exchange with empty id and secret", "GET \(exchangeCall)AQx&access_token=AA%7C%7C",
            500, 2, "EMApiException", down),
        ErrorCase(
            "exchange with a user token", "GET \(exchangeCall)AQx&access_token=EMAWphone", 400,
            190, "OAuthException", badToken),
        ErrorCase(
            "exchange without a token", "GET \(exchangeCall)AQx", 400, 104,
            "OAuthException", noToken),
        ErrorCase(
            "deleting an unknown account", "DELETE /v1.3/123?access_token=\(Apps.firstToken)", 500, 2, "EMApiException", down),
        ErrorCase(
            "deleting another app's account", "DELETE /v1.3/1011166682335378?access_token=\(Apps.secondToken)", 500, 2,
            "EMApiException", down),
        ErrorCase(
            "revoking with a wrong secret", "POST /v1.3/1011166682335378/invalidate_all_tokens?access_token=\(wrongApp)", 500, 2,
            "EMApiException", down),
        ErrorCase(
            "another app's accounts", "GET /v1.3/1111111111111111/accounts?access_token=\(Apps.secondToken)", 500, 2,
            "EMApiException", down),
        ErrorCase(
            "accounts beyond the limit", "GET /v1.3/1111111111111111/accounts?limit=1001&access_token=\(Apps.firstToken)", 400,
            100,
            "OAuthException", "(#100) Param limit must be a number from 1 to 1000"),
        ErrorCase(
            "app call with a wrong proof", "GET /v1.3/1111111111111111/accounts?access_token=\(Apps.firstToken)&appsecret_proof=00",
            400, 100, "GraphMethodException",
            badProof),
    ]

    @Test("an error has the recorded status, code, type and message", arguments: errorCases)
    func errors(_ expected: ErrorCase) throws {
        var graph = try Self.makeGraph()
        let response = graph.respond(to: GraphRequest(method: expected.method, target: expected.target))
        let error = try response.decoded(ErrorBody.self).error
        #expect(response.status == expected.status)
        #expect(error.code == expected.code)
        #expect(error.type == expected.type)
        #expect(error.message == expected.message)
        #expect(error.isTransient == (expected.status == 500 ? true : nil))
        #expect(error.errorData == (expected.type == "EMApiException" && expected.code == 190 ? [] : nil))
        #expect(error.fbtraceId.utf8.count == 11)
        #expect(response.header("x-fb-trace-id") == error.fbtraceId)
        #expect(response.header("cache-control") == "no-store")
        let kind = expected.code == 190 ? "invalid_token" : "invalid_request"
        #expect(response.header("www-authenticate") == "OAuth \"Facebook Platform\" \"\(kind)\" \"\(expected.message)\"")
    }

    private static let phoneBody =
        #"{"id":"1011166682335378","phone":{"number":"+15879994455","country_prefix":"1","national_number":"5879994455"}"#
    private static let application = #","application":{"id":"1111111111111111"}}"#
    private static let mailBody = #"{"email":{"address":"test\u0040example.com"},"id":"1011166682335379""#

    @Test(
        "the response of me is the recording and a newline",
        arguments: [
            ("/v1.3/me?access_token=EMAWphone&appsecret_proof=\(Proofs.phone)", phoneBody + application),
            ("/v1.2/me/?access_token=EMAWphone&appsecret_proof=\(Proofs.phone)", phoneBody + application),
            ("/v1.1/me?appsecret_proof=\(Proofs.phone)&access_token=EMAWphone", phoneBody + application),
            ("/v1.3/me?access_token=EMAWtesttoken0001&appsecret_proof=\(Proofs.vector)", phoneBody + application),
            ("/v1.0/me?access_token=EMAWphone&appsecret_proof=\(Proofs.phone)", phoneBody + "}"),
            ("/me?access_token=EMAWphone&appsecret_proof=\(Proofs.phone)", phoneBody + "}"),
            ("/v1.0/me?access_token=EMAWmail&appsecret_proof=\(Proofs.mail)", mailBody + "}"),
            ("/v1.3/me?access_token=EMAWmail&appsecret_proof=\(Proofs.mail)", mailBody + application),
        ])
    func me(target: String, body: String) throws {
        var graph = try Self.makeGraph()
        let response = graph.respond(to: GraphRequest(method: "GET", target: target))
        #expect(response.status == 200)
        #expect(response.text == body + "\n")
        #expect(response.header("content-type") == "application/json; charset=UTF-8")
        #expect(response.header("cache-control") == "private, no-cache, no-store, must-revalidate")
        for name in ["ETag", "x-fb-trace-id", "x-fb-rev", "X-FB-Debug"] {
            #expect(response.header(name)?.isEmpty == false, "\(name)")
        }
    }

    @Test("me of v1.0 names the application if the app is set to that of 2018", arguments: ["/v1.0/me", "/me", "/v1.3/me"])
    func applicationInFirstVersion(path: String) throws {
        var app = Apps.first
        app.namesApplicationInFirstVersion = true
        var graph = try GraphAPI(apps: [app, Apps.second])
        let target = path + "?access_token=EMAWphone&appsecret_proof=\(Proofs.phone)"
        #expect(graph.respond(to: GraphRequest(method: "GET", target: target)).text == Self.phoneBody + Self.application + "\n")
        let other = graph.respond(to: GraphRequest(method: "GET", target: "/v1.0/me?access_token=EMAWsecond"))
        #expect(other.status == 200 && !other.text.contains("application"))
    }

    @Test("a token of another app is valid")
    func foreignToken() throws {
        var graph = try Self.makeGraph()
        for proof in ["", "&appsecret_proof=\(Proofs.second)"] {
            let response = graph.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWsecond" + proof))
            #expect(response.status == 200)
            #expect(response.text.contains(#""application":{"id":"2222222222222222"}"#))
        }
    }

    @Test("only its own app can exchange a code")
    func exchange() throws {
        var graph = try Self.makeGraph()
        let issued = try graph.issueCode(app: Apps.first.id, contact: .phone(Apps.phone("+15879994455")))
        #expect(issued.credential.wholeMatch(of: /AQ[A-Za-z0-9_-]{278}/) != nil)
        let target = "\(Self.exchangeCall)\(issued.credential)&access_token="

        let foreign = graph.respond(to: GraphRequest(method: "GET", target: target + Apps.secondToken))
        #expect(try foreign.decoded(ErrorBody.self).error.message == "Invalid verification code")

        let first = graph.respond(to: GraphRequest(method: "GET", target: target + Apps.firstToken))
        #expect(first.status == 200)
        let pattern = /\{"id":"1011166682335378","access_token":"EMAW[A-Za-z0-9]{162}","token_refresh_interval_sec":2592000\}\n/
        #expect(first.text.wholeMatch(of: pattern) != nil)

        let second = graph.respond(to: GraphRequest(method: "GET", target: target + Apps.firstToken))
        #expect(second.status == 400)
        #expect(try second.decoded(ErrorBody.self).error.code == 100)
        #expect(try second.decoded(ErrorBody.self).error.message == "This authorization code has been used")
    }

    @Test("a log-out revokes the token")
    func logOut() throws {
        var graph = try Self.makeGraph()
        let query = "?access_token=EMAWphone&appsecret_proof=\(Proofs.phone)"
        #expect(graph.respond(to: GraphRequest(method: "POST", target: "/v1.3/logout" + query)).text == "{\"success\":true}\n")
        let response = graph.respond(to: GraphRequest(method: "GET", target: "/v1.3/me" + query))
        #expect(try response.decoded(ErrorBody.self).error.type == "EMApiException")
    }

    @Test("invalidating an account's tokens leaves other accounts' tokens valid")
    func invalidateAll() throws {
        var graph = try Self.makeGraph()
        let target =
            "/v1.3/1011166682335378/invalidate_all_tokens?access_token=\(Apps.firstToken)&appsecret_proof=\(Proofs.firstApp)"
        for _ in 1...2 {
            #expect(graph.respond(to: GraphRequest(method: "POST", target: target)).text == "{\"success\":true}\n")
        }
        let phone = graph.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWphone"))
        #expect(try phone.decoded(ErrorBody.self).error.code == 190)
        let mail = graph.respond(
            to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWmail&appsecret_proof=\(Proofs.mail)"))
        #expect(mail.status == 200)
        let again = try graph.logIn(app: Apps.first.id, contact: .phone(Apps.phone("+15879994455")))
        #expect(again.accountID == "1011166682335378")
    }

    @Test("a person whose account was deleted gets an account with another id")
    func delete() throws {
        var graph = try Self.makeGraph()
        let target = "/v1.3/1011166682335378/?access_token=\(Apps.firstToken)"
        #expect(graph.respond(to: GraphRequest(method: "DELETE", target: target)).text == "{\"success\":true}\n")
        #expect(graph.respond(to: GraphRequest(method: "DELETE", target: target)).status == 500)
        #expect(
            graph.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWphone")).text.contains(
                "EMApiException"))
        let again = try graph.logIn(app: Apps.first.id, contact: .phone(Apps.phone("+15879994455")))
        #expect(again.accountID != "1011166682335378")
        #expect(again.accountID.wholeMatch(of: /[1-9][0-9]{15}/) != nil)
    }

    @Test("a page of accounts has the whole URL of the next page")
    func pages() throws {
        struct Page: Decodable {
            struct Account: Decodable { let id: String }
            struct Paging: Decodable { let next: String? }
            let data: [Account]
            let paging: Paging
        }
        var graph = try Self.makeGraph()
        let target = "/v1.3/1111111111111111/accounts/?limit=2&access_token=\(Apps.firstToken)"
        let first = graph.respond(to: GraphRequest(method: "GET", target: target, origin: "https://localhost:1"))
        let phone = #"{"id":"1011166682335378","phone":{"number":"+15879994455"}}"#
        let mail = #"{"id":"1011166682335379","email":{"address":"test\u0040example.com"}}"#
        #expect(first.text.hasPrefix(#"{"data":[\#(phone),\#(mail)],"paging":{"next":"https:\/\/localhost:1\/"#))
        let next = try #require(try first.decoded(Page.self).paging.next)
        #expect(next.hasPrefix("https://localhost:1/v1.3/1111111111111111/accounts?access_token=AA%7C"))
        let rest = String(next.dropFirst("https://localhost:1".count))
        let last = try graph.respond(to: GraphRequest(method: "GET", target: rest)).decoded(Page.self)
        #expect(last.data.map(\.id) == ["1011166682335380"])
        #expect(last.paging.next == nil)
    }

    @Test("a token above the limit replaces the oldest token")
    func tokenLimit() throws {
        var limits = EmulatorSettings.Limits()
        limits.credentials = 2
        var graph = try GraphAPI(apps: [Apps.second], limits: limits)
        let contact = Contact.phone(Apps.phone("+15879994455"))
        for _ in 1...2 {
            let code = try graph.issueCode(app: Apps.second.id, contact: contact).credential
            let target = "\(Self.exchangeCall)\(code)&access_token=\(Apps.secondToken)"
            #expect(graph.respond(to: GraphRequest(method: "GET", target: target)).status == 200)
        }
        #expect(graph.account(ofToken: "EMAWsecond") == nil)
    }

    @Test("a person has one account in each app")
    func appScope() throws {
        var graph = try GraphAPI(apps: [.init(id: "1", secret: "a"), .init(id: "2", secret: "b")])
        let contact = Contact.phone(Apps.phone("+15551234567"))
        let ids = try ["1", "1", "2"].map { try graph.logIn(app: $0, contact: contact).accountID }
        #expect(ids[0] == ids[1])
        #expect(ids[0] != ids[2])
    }
}
