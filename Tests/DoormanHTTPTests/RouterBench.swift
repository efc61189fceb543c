import CallerLimits
import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit

/// A response that a router wrote.
struct RecordedResponse: HTTPResponseWriter, Equatable {
    private(set) var status = 0
    private(set) var headers: [String: [String]] = [:]
    private(set) var body = ""

    subscript(name: String) -> String? { headers[name]?.joined(separator: "|") }

    mutating func begin(_ status: HTTPStatus) {
        precondition(self.status == 0, "a request has one response")
        self.status = Int(status.rawValue)
    }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: StaticString) {
        precondition(name.line.description.lowercased() == name.lowercase.description + ": ", "both forms are one name")
        headers[name.lowercase.description, default: []].append(value.description)
    }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: Span<UInt8>) {
        headers[name.lowercase.description, default: []].append(String(decoding: value.indices.map { value[$0] }, as: UTF8.self))
    }

    mutating func end(_ body: ByteBuffer) { self.body = String(buffer: body) }

    /// Whether the body is a problem with these values.
    func isProblem(reason: String? = nil) -> Bool {
        self["content-type"] == "application/problem+json" && body.contains("\"status\":\(status)")
            && (reason.map { body.contains("\"reason\":\"\($0)\"") } ?? true)
    }
}

/// A request to a router.
struct TestRequest {
    var method = HTTPRequestMethod.post
    var target: String
    var authorizations: [String] = []
    var contentType = ""
    var host = "localhost:7117"
    var body: String?
    var isOnLoopback = true

    static func auth(_ authorizations: String..., target: String = "/auth", method: HTTPRequestMethod = .get) -> TestRequest {
        TestRequest(method: method, target: target, authorizations: authorizations)
    }

    static func json(_ target: String, _ body: String) -> TestRequest {
        TestRequest(target: target, contentType: "application/json", body: body)
    }

    static func form(_ body: String, _ authorizations: String...) -> TestRequest {
        TestRequest(
            target: "/oauth2/introspect", authorizations: authorizations, contentType: "application/x-www-form-urlencoded",
            body: body)
    }
}

/// A router above a scripted backend, without a connection.
struct RouterBench {
    let dispatcher: RequestDispatcher
    let router: HTTPRouter
    private let backend: ScriptedBackend

    init(
        _ configuration: HTTPConfiguration = HTTPConfiguration(), policy: CallerPolicy = .only([.verify, .exchange, .revoke]),
        backend: ScriptedBackend = .test()
    ) {
        self.backend = backend
        dispatcher = RequestDispatcher(
            backend: backend, policy: policy, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 100), settings: ServerSettings())
        router = HTTPRouter(ReloadableHTTPConfiguration(configuration))
    }

    /// What became of a request.
    enum Outcome {
        case response(RecordedResponse)
        case started(AsynchronousCall, HTTPResponder)

        var response: RecordedResponse? { if case .response(let response) = self { response } else { nil } }
        var call: AsynchronousCall? { if case .started(let call, _) = self { call } else { nil } }
    }

    func send(_ request: TestRequest) -> Outcome {
        let now = backend.timeSource.now()
        var context = RequestContext(
            caller: dispatcher.context(for: Caller(name: "ip:127.0.0.1")), now: now, isDraining: false)
        var writer = RecordedResponse()
        let facts = HTTPRequestFacts(
            authorizations: request.authorizations.count, hasBody: request.body.map { !$0.isEmpty } ?? false,
            isOnLoopback: request.isOnLoopback)
        let (target, type, host) = (request.target, request.contentType, request.host)
        let authorization = request.authorizations.first ?? ""
        var step = router.respond(
            to: HTTPRequestFields(
                method: request.method, target: target.utf8Span.span, authorization: authorization.utf8Span.span,
                contentType: type.utf8Span.span, host: host.utf8Span.span, facts: facts),
            dispatcher, in: &context, to: &writer)
        if case .needsBody(let bodyRequest) = step {
            step = router.respond(to: bodyRequest, body: Array((request.body ?? "").utf8), dispatcher, in: &context, to: &writer)
        }
        switch step {
        case .cached, .responded: return .response(writer)
        case .started(let call, _, let responder): return .started(call, responder)
        case .needsBody: preconditionFailure("a request needs its body twice")
        }
    }

    /// Renders the outcome of a call.
    func render(_ data: [UInt8], _ responder: HTTPResponder) -> RecordedResponse {
        var writer = RecordedResponse()
        responder.write(EncodedResponse(bytes: data), to: &writer, counters: dispatcher.counters)
        return writer
    }
}

extension Identity {
    static let someone = Identity(
        accountID: "1011166682335378", applicationID: "5432154321543210",
        phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
    )
    .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
}

extension ScriptedProvider {
    /// Creates a provider whose result depends on the token.
    static func byToken() -> ScriptedProvider {
        let provider = ScriptedProvider(syntaxCheck: {
            $0 == Token("malformed") || $0.bytes.isEmpty ? Rejection(.malformedToken, "not a token") : nil
        })
        provider.verifications.script { request in
            switch request.token {
            case Token("rejected"): .success(.rejected(Rejection(.tokenRejected, "the provider knows no such token")))
            case Token("unavailable"): .failure(VerificationError(.providerUnavailable, "the provider is down"))
            default: .success(.valid(.someone.valid(until: Identity.someone.validUntil, freshness: .fresh)))
            }
        }
        provider.exchanges.answerAlways(.success(.issued(Token("EMAWnew"), .someone)))
        return provider
    }
}

extension ScriptedBackend {
    /// Creates a backend. The token `cached` has a cached identity, `rejection` a cached rejection; any other needs the provider.
    static func test(
        _ provider: ScriptedProvider = .byToken(), _ identity: Identity = .someone,
        isCaughtUp: @escaping @Sendable (RevocationPosition) -> Bool = { _ in true }
    ) -> ScriptedBackend {
        let someone = EncodedResponse(bytes: ResponseEncoder.encode(identity))
        let rejected = EncodedResponse(
            bytes: ResponseEncoder.encode(Verdict.rejected(Rejection(.tokenRejected, "the provider knows no such token"))))
        var cache = Cache()
        cache.isCaughtUp = isCaughtUp
        cache.response = { $0 == Token("cached") ? someone : $0 == Token("rejection") ? rejected : nil }
        return ScriptedBackend(provider: provider, cache: cache)
    }
}

extension CallerPolicy {
    /// Returns a policy that grants every caller these methods.
    static func only(_ methods: MethodSet) -> CallerPolicy {
        CallerPolicy([Rule([.any], CallerPermissions(methods))], setting: "authorization.policy-file")
    }
}
