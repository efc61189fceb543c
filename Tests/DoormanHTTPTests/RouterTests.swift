import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanWire
import TestKit
import Testing

@Suite("Routes of the HTTP API")
struct RouterTests {
    static let calls = ["/v1/verify", "/v1/exchange", "/v1/revoke"]

    @Test("a token in the header needs no body")
    func header() throws {
        let request = TestRequest(target: "/v1/verify", authorizations: ["Bearer cached"])
        let response = try #require(RouterBench().send(request).response)
        #expect(response.status == 200 && response["content-type"] == "application/json")
        #expect(response.body.hasPrefix(#"{"accountId":"1011166682335378","applicationId":"5432154321543210","phone":"#))
    }

    @Test("a token in the body is a plain string")
    func body() {
        #expect(RouterBench().send(.json("/v1/verify", #"{"token":"cached"}"#)).response?.status == 200)
        #expect(
            RouterBench().send(.json("/v1/verify", #"{"token":"rejection"}"#)).response?.isProblem(reason: "TOKEN_REJECTED") == true
        )
    }

    @Test("requirements in the body are those of the call")
    func requirements() {
        let body = #"{"token":"miss","maxAgeSeconds":5,"applicationId":"7","requiredScopes":["a"]}"#
        guard case .verify(let call)? = RouterBench().send(.json("/v1/verify", body)).call else {
            Issue.record("no call")
            return
        }
        #expect(call.maxAge == .seconds(5))
        #expect(call.requirements == TokenRequirements(applicationID: "7", scopes: ["a"]))
    }

    @Test("the header holds the token, and the body the rest")
    func both() {
        var request = TestRequest.json("/v1/verify", #"{"maxAgeSeconds":5}"#)
        request.authorizations = ["Bearer miss"]
        guard case .verify(let call)? = RouterBench().send(request).call else {
            Issue.record("no call")
            return
        }
        #expect(call.token == Token("miss") && call.maxAge == .seconds(5))
        request.body = #"{"token":"cached"}"#
        #expect(RouterBench().send(request).response?.isProblem(reason: "MALFORMED_REQUEST") == true)
    }

    @Test("a request without a token gets a problem")
    func noToken() throws {
        let response = try #require(RouterBench().send(TestRequest(target: "/v1/verify")).response)
        #expect(response.status == 401 && response["www-authenticate"]?.hasPrefix("Bearer") == true)
        #expect(RouterBench().send(.json("/v1/verify", "{}")).response?.status == 400)
        let two = TestRequest(target: "/v1/verify", authorizations: ["Bearer cached", "Bearer cached"])
        #expect(RouterBench().send(two).response?.status == 400)
        let malformed = TestRequest(target: "/v1/verify", authorizations: ["Bearer a b"])
        #expect(RouterBench().send(malformed).response?.isProblem(reason: "MALFORMED_TOKEN") == true)
    }

    @Test("a body that can't be read is 400, and starts nothing", arguments: calls)
    func malformedBody(target: String) {
        for body in ["x", "[]", #"{"unknown":1}"#, #"{"token":1}"#] {
            let response = RouterBench().send(.json(target, body)).response
            #expect(response?.status == 400 && response?.isProblem(reason: "MALFORMED_REQUEST") == true, "\(body)")
        }
    }

    @Test("exchange and revoke start their calls")
    func otherCalls() {
        #expect(RouterBench().send(.json("/v1/exchange", #"{"code":"c"}"#)).call?.method == .exchange)
        #expect(RouterBench().send(.json("/v1/revoke", #"{"token":"t"}"#)).call?.method == .revoke)
        #expect(RouterBench().send(.json("/v1/revoke", #"{"accountId":"1"}"#)).response?.status == 403)
    }

    @Test("their successes are JSON")
    func successes() throws {
        let bench = RouterBench()
        guard case .started(_, let exchange) = bench.send(.json("/v1/exchange", #"{"code":"c"}"#)),
            case .started(_, let revoke) = bench.send(.json("/v1/revoke", #"{"token":"t"}"#))
        else { throw NeverHappened(description: "no calls") }
        let issued = bench.render(ResponseEncoder.encode(.issued(Token("EMAWnew"), nil)), exchange)
        #expect(issued.status == 200 && issued.body == #"{"token":"EMAWnew"}"#)
        let revoked = bench.render(ResponseEncoder.encodeRevoked(nil), revoke)
        #expect(revoked.status == 200 && revoked.body == "{}")
        let position = RevocationPosition(bytes: [0x01, 0xff, 0xbe])
        let announced = bench.render(ResponseEncoder.encodeRevoked(position), revoke)
        #expect(announced.status == 200 && announced.body == #"{"position":"Af--"}"#)
    }

    @Test("the revocation in the body is that of the call, and the cache judges by it")
    func notBefore() {
        let position = RevocationPosition(bytes: [0x01, 0xff, 0xbe])
        let behind = RouterBench(backend: .test(isCaughtUp: { $0 != position }))
        for name in ["notBefore", "not_before"] {
            guard case .verify(let call)? = behind.send(.json("/v1/verify", #"{"token":"cached","\#(name)":"Af--"}"#)).call else {
                Issue.record("no call")
                return
            }
            #expect(call.notBefore == position && call.requirements == .none)
        }
        #expect(behind.send(.json("/v1/verify", #"{"token":"cached","notBefore":"AQ"}"#)).response?.status == 200)
        #expect(behind.send(.json("/v1/verify", #"{"token":"cached","notBefore":""}"#)).response?.status == 200)
    }

    @Test("a revocation in the body and the token in the header are one call")
    func notBeforeWithHeader() {
        let behind = RouterBench(backend: .test(isCaughtUp: { _ in false }))
        var request = TestRequest.json("/v1/verify", #"{"notBefore":"AQ"}"#)
        request.authorizations = ["Bearer cached"]
        guard case .verify(let call)? = behind.send(request).call else {
            Issue.record("no call")
            return
        }
        #expect(call.token == Token("cached") && call.notBefore == RevocationPosition(bytes: [1]))
    }

    @Test("introspection and forward auth name no revocation")
    func othersWithoutNotBefore() {
        let behind = RouterBench(backend: .test(isCaughtUp: { _ in false }))
        #expect(behind.send(.form("token=cached&not_before=AQ", "Basic x")).response?.status == 200)
        #expect(behind.send(.auth("Bearer cached")).response?.status == 200)
    }

    @Test("every failure has the status of the contract and is a problem", arguments: Failure.allCases)
    func failures(failure: Failure) throws {
        let bench = RouterBench()
        for request in [
            TestRequest.json("/v1/verify", #"{"token":"t"}"#), .json("/v1/exchange", #"{"code":"t"}"#),
            .json("/v1/revoke", #"{"token":"t"}"#), .form("token=t", "Basic x"),
        ] {
            guard case .started(_, let responder) = bench.send(request) else { throw NeverHappened(description: "no call") }
            let response = bench.render(ResponseEncoder.encode(FailureResponse(failure, "why", retryAfter: .seconds(3))), responder)
            let endpoint: HTTPEndpoint = request.target.hasPrefix("/v1") ? .api : .introspection
            let status = failure.httpStatus(for: endpoint)
            #expect(response.status == Int(status.rawValue), "\(request.target)")
            #expect((response["retry-after"] == "3") == status.hasRetryAfter)
            if status == .ok {
                #expect(response.body == #"{"active":false}"#)
            } else {
                #expect(response.isProblem(reason: failure.row.reason))
                #expect((response["www-authenticate"] != nil) == (status == .unauthorized || failure == .insufficientScope))
            }
        }
    }

    @Test("other methods than POST get 405 with Allow", arguments: calls + ["/oauth2/introspect"])
    func method(target: String) {
        for method in [HTTPRequestMethod.get, .head, .other] {
            let response = RouterBench().send(TestRequest(method: method, target: target)).response
            #expect(response?.status == 405 && response?["allow"] == "POST" && response?.isProblem() == true)
        }
    }

    @Test(
        "other types of bodies get 415",
        arguments: ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"])
    func mediaType(type: String) {
        for target in Self.calls {
            let request = TestRequest(target: target, contentType: type, body: #"{"token":"cached","code":"c"}"#)
            #expect(RouterBench().send(request).response?.status == 415)
        }
    }

    @Test(
        "the type of a body may have parameters and any case",
        arguments: ["application/json; charset=utf-8", "Application/JSON ;x"])
    func parameters(type: String) {
        let request = TestRequest(target: "/v1/verify", contentType: type, body: #"{"token":"cached"}"#)
        #expect(RouterBench().send(request).response?.status == 200)
    }

    @Test(
        "unknown paths get 404",
        arguments: ["/", "/v1", "/v1/", "/v1/verify/", "/v1/Verify", "/v1/health", "/oauth2", "/profiles/x"])
    func unknown(target: String) {
        #expect(RouterBench().send(TestRequest(target: target)).response?.status == 404)
    }

    // MARK: - Browsers

    @Test(
        "on a loopback address, /v1 takes no other host",
        arguments: [
            "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", "[::2]", "localhost:x", "127.evil",
        ])
    func otherHost(host: String) {
        for target in Self.calls {
            var request = TestRequest.json(target, #"{"token":"cached"}"#)
            request.host = host
            #expect(RouterBench().send(request).response?.status == 421)
        }
        var request = TestRequest.json("/v1/verify", #"{"token":"cached"}"#)
        (request.host, request.isOnLoopback) = (host, false)
        #expect(RouterBench().send(request).response?.status == 200)
        var auth = TestRequest.auth("Bearer cached")
        auth.host = host
        #expect(RouterBench().send(auth).response?.status == 200, "gateways forward any host")
    }

    @Test(
        "the names of this machine are taken",
        arguments: ["localhost", "LOCALHOST:7117", "127.0.0.1:80", "127.1.2.3", "[::1]:7117", ""])
    func ownHost(host: String) {
        var request = TestRequest.json("/v1/verify", #"{"token":"cached"}"#)
        request.host = host
        #expect(RouterBench().send(request).response?.status == 200)
    }

    // MARK: - Introspection

    private static let clients = HTTPConfiguration(introspectionClients: IntrospectionClients(["api": Array("s3cret:%".utf8)]))

    @Test("without a file of clients, any Authorization header will do, but there must be one")
    func introspection() throws {
        let response = try #require(RouterBench().send(.form("token=cached", "Basic x")).response)
        #expect(response.status == 200 && response.body.hasPrefix(#"{"active":true,"sub":"1011166682335378""#))
        #expect(RouterBench().send(.form("token=rejection", "Bearer x")).response?.body == #"{"active":false}"#)
        for request in [
            TestRequest.form("token=cached"), .form("token=cached", "a", "b"), .form("token=cached&client_id=a&client_secret=b"),
        ] {
            let response = RouterBench().send(request).response
            #expect(response?.status == 401 && response?["www-authenticate"] == #"Basic realm="doorman""#)
        }
    }

    @Test("with a file of clients, the credentials must be right, in the header or in the form")
    func clients() {
        let bench = RouterBench(Self.clients)
        // api:s3cret%3A%25
        #expect(bench.send(.form("token=cached", "Basic YXBpOnMzY3JldCUzQSUyNQ==")).response?.status == 200)
        #expect(bench.send(.form("token=cached&client_id=api&client_secret=s3cret%3A%25")).response?.status == 200)
        for request in [
            TestRequest.form("token=cached", "Basic YXBpOnMzY3JldCUzQSUyNg=="), .form("token=cached", "Basic !"),
            .form("token=cached", "Bearer YXBpOnMzY3JldCUzQSUyNQ=="), .form("token=cached"),
            .form("token=cached&client_id=api&client_secret=wrong"), .form("token=cached&client_id=api"),
            .form("token=cached&client_id=apj&client_secret=s3cret%3A%25"),
            .form("token=cached&client_id=api&client_secret=s3cret%3A%25", "Basic eDp5"),
        ] { #expect(bench.send(request).response?.status == 401) }
    }

    @Test("a form without a token is 400, and another type 415")
    func forms() {
        #expect(RouterBench().send(.form("tokens=cached", "Basic x")).response?.status == 400)
        var request = TestRequest.form(#"{"token":"cached"}"#, "Basic x")
        request.contentType = "application/json"
        #expect(RouterBench().send(request).response?.status == 415)
    }

    @Test("a caller without permission gets 403 everywhere")
    func forbidden() {
        let bench = RouterBench(policy: .only([]))
        for request in [
            TestRequest.json("/v1/verify", "x"), .json("/v1/exchange", "x"), .json("/v1/revoke", "x"), .form("x", "Basic x"),
            TestRequest(target: "/v1/verify", authorizations: ["Bearer cached"]),
        ] { #expect(bench.send(request).response?.isProblem(reason: "CALLER_NOT_ALLOWED") == true) }
    }
}
