import AccountKit
import DoormanCore
import GraphAPI
import ProviderHTTP
import TestKit
import Testing

@Suite("Requests")
struct RequestTests {
    @Test("E1 exchanges a code with the app token")
    func exchange() throws {
        let request = try #require(AccountKitRequests(Sample.settings()).exchange(Sample.code))
        #expect(request.method == .get)
        #expect(!request.isRepeatable)
        #expect(
            request.url == "https://graph.accountkit.com/v1.3/access_token?grant_type=authorization_code&code=AQtest_code-0001"
                + "&access_token=AA%7C5432154321543210%7C0123456789abcdef0123456789abcdef")
    }

    @Test("E2 contains the proof of the contract's test vector")
    func me() {
        let request = AccountKitRequests(Sample.settings()).me(Sample.token)
        #expect(request.method == .get && request.isRepeatable)
        #expect(
            request.url
                == "https://graph.accountkit.com/v1.3/me?access_token=EMAWtesttoken0001&appsecret_proof=\(Sample.proof)")
    }

    @Test("without a secret, requests have no proof or app token")
    func withoutSecret() {
        let requests = AccountKitRequests(Sample.settings(secret: nil))
        #expect(requests.me(Sample.token).url == "https://graph.accountkit.com/v1.3/me?access_token=EMAWtesttoken0001")
        #expect(requests.exchange(Sample.code) == nil)
        #expect(requests.invalidateAllTokens(accountID: "1") == nil)
    }

    @Test("E3 logs out a token")
    func logout() {
        let settings = Sample.settings {
            $0.baseURL = "http://127.0.0.1:7118/"
            $0.apiVersion = "v1.0"
        }
        let request = AccountKitRequests(settings).logout(Sample.token)
        #expect(request.method == .post && request.isRepeatable)
        #expect(
            request.url == "http://127.0.0.1:7118/v1.0/logout?access_token=EMAWtesttoken0001&appsecret_proof=\(Sample.proof)")
    }

    @Test("E4 has the account id in its path")
    func invalidateAllTokens() throws {
        let request = try #require(AccountKitRequests(Sample.settings()).invalidateAllTokens(accountID: "1011166682335378"))
        #expect(request.method == .post)
        #expect(
            request.url == "https://graph.accountkit.com/v1.3/1011166682335378/invalidate_all_tokens"
                + "?access_token=AA%7C5432154321543210%7C0123456789abcdef0123456789abcdef")
    }

    @Test("a token, a code or a secret of any content stays within its parameter")
    func encoding() throws {
        let requests = AccountKitRequests(Sample.settings(secret: "a&b=c#d"))
        let me = requests.me(Token(bytes: Array("x&access_token=y#/ \r\n%é".utf8) + [0, 255])).url
        #expect(me.contains("access_token=x%26access_token%3Dy%23%2F%20%0D%0A%25%C3%A9%00%FF&appsecret_proof="))
        let exchange = try #require(requests.exchange(AuthorizationCode("AQ&code=z~._-"))).url
        #expect(exchange.contains("&code=AQ%26code%3Dz~._-&access_token=AA%7C5432154321543210%7Ca%26b%3Dc%23d"))
        #expect(URLPolicy.accepts(me) && URLPolicy.accepts(exchange))
    }

    @Test("a token or code of maximum length fits into an allowed URL")
    func longest() throws {
        let settings = Sample.settings(secret: String(repeating: "|", count: 256)) {
            $0.maximumTokenBytes = 4096
            $0.maximumCodeBytes = 4096
        }
        let requests = AccountKitRequests(settings)
        #expect(URLPolicy.accepts(requests.me(Token(String(repeating: "a", count: 4096))).url))
        #expect(URLPolicy.accepts(try #require(requests.exchange(AuthorizationCode(String(repeating: "-", count: 4096)))).url))
    }
}

@Suite("Settings")
struct SettingsTests {
    @Test("the defaults with an app id are valid, with or without a secret")
    func defaults() {
        #expect(Sample.settings().problem == nil)
        #expect(Sample.settings(secret: nil).problem == nil)
    }

    static let invalidations: [@Sendable (inout AccountKitSettings) -> Void] = [
        { $0.application.id = "" },
        { $0.application.id = "123a" },
        { $0.application.id = "１２３" },
        { $0.application.id = "1/../2" },
        { $0.application.id = String(repeating: "1", count: 33) },
        { $0.application.secret = AppSecret("") },
        { $0.application.secret = AppSecret("line\nbreak") },
        { $0.application.secret = AppSecret(String(repeating: "a", count: 257)) },
        { $0.baseURL = "" },
        { $0.baseURL = "graph.accountkit.com" },
        { $0.baseURL = "http://graph.accountkit.com" },
        { $0.baseURL = "https://user@graph.accountkit.com" },
        { $0.baseURL = "https://graph.accountkit.com/?x=" },
        { $0.apiVersion = "" },
        { $0.apiVersion = "1.3" },
        { $0.apiVersion = "v1" },
        { $0.apiVersion = "v1.3/../.." },
        { $0.maximumTokenBytes = 0 },
        { $0.maximumCodeBytes = 1 << 20 },
        {
            $0.application.secret = nil
            $0.acceptAnswersWithoutApplication = true
        },
    ]

    @Test("an invalid setting keeps a verifier from being created", arguments: invalidations.indices)
    func invalid(_ index: Int) {
        let settings = Sample.settings { Self.invalidations[index](&$0) }
        #expect(settings.problem?.description.isEmpty == false)
        #expect(throws: AccountKitSettings.Invalid.self) { try Sample.verifier(ScriptedTransport(), settings: settings) }
    }
}
