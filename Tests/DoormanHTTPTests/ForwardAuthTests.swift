import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanWire
import TestKit
import Testing

/// Each rule of forward auth closes a hole that was seen at a gateway.
@Suite("Forward auth")
struct ForwardAuthTests {
    static let identityHeaders = [
        "x-doorman-account-id", "x-doorman-application-id", "x-doorman-phone", "x-doorman-email", "x-doorman-provider",
        "x-doorman-scopes", "x-doorman-freshness",
    ]

    @Test("a valid token gets 200 with every identity header, and those without a value are empty")
    func valid() throws {
        let response = try #require(RouterBench().send(.auth("Bearer cached")).response)
        #expect(response.status == 200 && response.body.isEmpty)
        #expect(Set(response.headers.keys) == Set(Self.identityHeaders))
        #expect(response["x-doorman-account-id"] == "1011166682335378")
        #expect(response["x-doorman-application-id"] == "5432154321543210")
        #expect(response["x-doorman-phone"] == "+15551234567")
        #expect(response["x-doorman-email"]?.isEmpty == true && response["x-doorman-scopes"]?.isEmpty == true)
        #expect(response["x-doorman-provider"] == "account-kit")
        #expect(response["x-doorman-freshness"] == "cached")
    }

    @Test(
        "the path below /auth and the query do not matter", arguments: ["/auth", "/auth/", "/auth/v1/verify?token=x", "/auth?a=/b"])
    func below(target: String) {
        #expect(RouterBench().send(.auth("Bearer cached", target: target)).response?.status == 200)
    }

    @Test("another path is no forward auth", arguments: ["/authx", "/AUTH", "//auth", "/", "", "/v1/auth", "auth", "/profiles//x"])
    func otherPath(target: String) {
        #expect(RouterBench().send(.auth("Bearer cached", target: target)).response?.status == 404)
    }

    @Test("every method is the same", arguments: [HTTPRequestMethod.get, .head, .post, .other])
    func method(method: HTTPRequestMethod) {
        #expect(RouterBench().send(.auth("Bearer cached", method: method)).response?.status == 200)
    }

    @Test("the scheme is Bearer in any case, and spaces before the token don't count", arguments: ["bearer", "BEARER", "bEaReR  "])
    func scheme(scheme: String) {
        #expect(RouterBench().send(.auth(scheme + " cached")).response?.status == 200)
    }

    @Test(
        "a request without a token gets 401 with a challenge that states no error", arguments: [[], ["Basic YTpi"], ["Bearerx a"]])
    func missing(authorizations: [String]) throws {
        let request = TestRequest(method: .get, target: "/auth", authorizations: authorizations)
        let response = try #require(RouterBench().send(request).response)
        #expect(response.status == 401 && response.body.isEmpty)
        #expect(response.headers == ["www-authenticate": ["Bearer"]])
    }

    @Test(
        "a malformed header is 401 and never 400",
        arguments: [
            ["Bearer"], ["Bearer "], ["Bearer a b"], ["Bearer a,b"], ["Bearer =a"], ["Bearer ="], ["Bearer a=b"], ["Bearer \u{e9}"],
            ["Bearer cached", "Bearer cached"], ["Bearer " + String(repeating: "a", count: 16385)], ["Bearer \"a\""],
        ])
    func malformedHeader(authorizations: [String]) throws {
        let request = TestRequest(method: .get, target: "/auth", authorizations: authorizations)
        let response = try #require(RouterBench().send(request).response)
        #expect(response.status == 401 && response.body.isEmpty)
        #expect(response.headers == ["www-authenticate": [#"Bearer error="invalid_token""#]])
    }

    @Test("a token of 16 KiB is looked up", arguments: ["a", "-._~+/", "=="])
    func alphabet(end: String) {
        let token = String(repeating: "a", count: (16 << 10) - end.utf8.count) + end
        #expect(RouterBench().send(.auth("Bearer " + token)).call?.method == .verify)
    }

    @Test("a rejected token gets 401 with one challenge")
    func rejected() throws {
        let response = try #require(RouterBench().send(.auth("Bearer rejection")).response)
        #expect(response.status == 401 && response.headers == ["www-authenticate": [#"Bearer error="invalid_token""#]])
    }

    @Test("every failure has the status of the contract, no body, and what the status needs", arguments: Failure.allCases)
    func failures(failure: Failure) throws {
        let bench = RouterBench()
        guard case .started(_, let responder) = bench.send(.auth("Bearer miss")) else {
            throw NeverHappened(description: "no call")
        }
        let data = ResponseEncoder.encode(FailureResponse(failure, "why", retryAfter: .milliseconds(1500)))
        let response = bench.render(data, responder)
        let status = failure.httpStatus(for: .forwardAuth)
        #expect(response.status == Int(status.rawValue) && response.body.isEmpty)
        #expect([401, 403, 429, 503].contains(response.status))
        #expect((response["retry-after"] == "2") == status.hasRetryAfter)
        #expect((response["www-authenticate"] != nil) == (response.status == 401 || failure == .insufficientScope))
        if failure == .insufficientScope { #expect(response["www-authenticate"] == #"Bearer error="insufficient_scope""#) }
    }

    @Test("a retry hint below a second is 1", arguments: [nil, .zero, .milliseconds(1), .seconds(1)] as [Duration?])
    func retryAfter(delay: Duration?) throws {
        let bench = RouterBench()
        guard case .started(_, let responder) = bench.send(.auth("Bearer miss")) else {
            throw NeverHappened(description: "no call")
        }
        let data = ResponseEncoder.encode(FailureResponse(.providerBusy, "why", retryAfter: delay))
        #expect(bench.render(data, responder)["retry-after"] == "1")
    }

    @Test(
        "bytes that are no response let no request pass", arguments: [[], [0xff], [0x12, 0x01, 0x00], [0x12, 0x00]] as [[UInt8]])
    func noResponse(data: [UInt8]) throws {
        let bench = RouterBench()
        guard case .started(_, let responder) = bench.send(.auth("Bearer miss")) else {
            throw NeverHappened(description: "no call")
        }
        #expect(bench.render(data, responder).status == 503)
    }

    @Test("a caller without permission gets 403")
    func forbidden() {
        #expect(RouterBench(policy: .only([])).send(.auth("Bearer cached")).response?.status == 403)
    }

    // MARK: - Values

    private func response(_ change: (inout Identity) -> Void) throws -> RecordedResponse {
        var identity = Identity.someone
        change(&identity)
        return try #require(RouterBench(backend: .test(.byToken(), identity)).send(.auth("Bearer cached")).response)
    }

    @Test("bytes other than visible ASCII are percent-encoded, and so is the percent sign")
    func encoded() throws {
        let response = try response {
            $0 = Identity(
                accountID: "a b%\u{e9}", applicationID: "1", email: "x@\u{fc}.de", provider: "p", verifiedAt: $0.verifiedAt)
        }
        #expect(response["x-doorman-account-id"] == "a%20b%25%C3%A9")
        #expect(response["x-doorman-email"] == "x@%C3%BC.de")
    }

    @Test("a value with a control byte is sent empty, and noted", arguments: ["a\r\nX-Admin: 1", "a\u{0}b", "\u{7f}", "a\tb"])
    func control(text: String) throws {
        let identity = Identity(
            accountID: "1", applicationID: "2", email: text, provider: "p", verifiedAt: Identity.someone.verifiedAt)
        let bench = RouterBench(backend: .test(.byToken(), identity))
        let response = try #require(bench.send(.auth("Bearer cached")).response)
        // protobuf-c ends a text at a NUL.
        #expect(response.status == 503 || response["x-doorman-email"] == "" || text.contains("\u{0}"))
        guard !text.contains("\u{0}") else { return }
        #expect(bench.dispatcher.counters.takeCallerEvents().counts.keys.map(\.kind) == [.withheldHeader("email")])
    }

    @Test("scopes have one space between them")
    func scopes() throws {
        let response = try response { $0.scopes = ["orders:read", "a\u{e9}", "c"] }
        #expect(response["x-doorman-scopes"] == "orders:read a%C3%A9 c")
    }

    @Test("a long identity with every field has its headers")
    func long() throws {
        let response = try response {
            $0.scopes = (0..<20).map { "scope:\($0)" }
            $0.issuer = "https://login.example.org/"
            $0.expiresAt = $0.validUntil
            $0.claims = ["group": "\"blue\""]
            $0.isEmailVerified = true
        }
        #expect(response.status == 200 && response["x-doorman-account-id"] == "1011166682335378")
    }

    // MARK: - Profiles

    private static let profiles = HTTPConfiguration(
        profiles: HTTPProfiles([
            "orders": HTTPProfile(requirements: TokenRequirements(scopes: ["orders:read"])),
            "few": HTTPProfile(headers: [.accountID]),
        ]))

    @Test("a profile's requirements are those of the call")
    func requirements() {
        let bench = RouterBench(Self.profiles)
        guard case .verify(let call)? = bench.send(.auth("Bearer miss", target: "/profiles/orders/auth/x?y")).call else {
            Issue.record("no call")
            return
        }
        #expect(call.requirements.scopes == ["orders:read"])
    }

    @Test("headers that a profile leaves out are sent empty")
    func fewHeaders() throws {
        let response = try #require(RouterBench(Self.profiles).send(.auth("Bearer cached", target: "/profiles/few/auth")).response)
        #expect(response["x-doorman-account-id"] == "1011166682335378")
        for name in Self.identityHeaders.dropFirst() { #expect(response[name]?.isEmpty == true) }
    }

    @Test("the profile default is that of /auth, even without a definition")
    func standard() {
        let bench = RouterBench(Self.profiles)
        #expect(bench.send(.auth("Bearer cached", target: "/profiles/default/auth")).response?.status == 200)
        let other = HTTPConfiguration(profiles: HTTPProfiles(["default": HTTPProfile(headers: [])]))
        #expect(RouterBench(other).send(.auth("Bearer cached")).response?["x-doorman-account-id"] == "")
    }

    @Test(
        "an unknown profile gets 503, and is noted",
        arguments: ["unknown", "Orders", String(repeating: "a", count: 1000), "a%2fb", "a b"])
    func unknown(name: String) {
        let bench = RouterBench(Self.profiles)
        let response = bench.send(.auth("Bearer cached", target: "/profiles/\(name)/auth")).response
        #expect(response?.status == 503 && response?["retry-after"] == "1")
        #expect(bench.dispatcher.counters.takeCallerEvents().counts.keys.map(\.kind) == [.unknownProfile])
    }
}
