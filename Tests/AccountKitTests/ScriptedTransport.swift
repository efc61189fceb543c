import AccountKit
import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit

/// A transport with scripted responses, which records its requests.
actor ScriptedTransport: HTTPTransport {
    typealias Response = @Sendable (HTTPRequest) -> Result<HTTPResponse, TransportError>

    private(set) var requests: [HTTPRequest] = []
    private(set) var timeouts: [Duration] = []
    private let response: Response

    init(_ response: @escaping Response) {
        self.response = response
    }

    /// Responds to each request with the next of the responses.
    init(_ responses: Result<HTTPResponse, TransportError>...) {
        let remaining = Remaining(responses)
        response = { _ in remaining.next() }
    }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        requests.append(request)
        timeouts.append(timeout)
        return try response(request).get()
    }

    /// Safe without a lock: only the actor calls it.
    private final class Remaining: @unchecked Sendable {
        private var responses: [Result<HTTPResponse, TransportError>]
        init(_ responses: [Result<HTTPResponse, TransportError>]) { self.responses = responses.reversed() }
        func next() -> Result<HTTPResponse, TransportError> {
            responses.popLast() ?? .failure(TransportError(.shutDown, requestMayHaveBeenSent: false))
        }
    }
}

extension Result<HTTPResponse, TransportError> {
    static func response(_ status: Int, _ body: String, headers: HTTPHeaders = [:]) -> Self {
        .success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
    }

    static func failure(_ code: TransportError.Code, sent: Bool = false) -> Self {
        .failure(TransportError(code, requestMayHaveBeenSent: sent))
    }
}

/// The sample values of the tests.
enum Sample {
    static let applicationID = "5432154321543210"
    static let secret = "0123456789abcdef0123456789abcdef"
    static let token = Token("EMAWtesttoken0001")
    static let proof = "02ac911642fd387c6850a3c758fb1b7a7552543aa285341ce44f77318b84e704"
    static let code = AuthorizationCode("AQtest_code-0001")
    static let phoneBody = """
        {"id":"12345","phone":{"number":"+15551234567","country_prefix":"1","national_number":"5551234567"},\
        "application":{"id":"5432154321543210"}}
        """
    static let exchangeBody = #"{"id":"12345","access_token":"EMAWtesttoken0001","token_refresh_interval_sec":2592000}"#

    static func settings(secret: String? = secret, _ change: (inout AccountKitSettings) -> Void = { _ in }) -> AccountKitSettings {
        var settings = AccountKitSettings(application: .init(id: applicationID, secret: secret.map { AppSecret($0) }))
        change(&settings)
        return settings
    }

    static func verifier(
        _ transport: ScriptedTransport, settings: AccountKitSettings = settings(), clock: SteppedClock = SteppedClock()
    ) throws -> AccountKitVerifier {
        try AccountKitVerifier(settings, transport: transport, time: clock.timeSource)
    }

    static func deadline(_ clock: SteppedClock = SteppedClock(), in time: Duration = .seconds(2)) -> Deadline {
        Deadline(clock.now.advanced(by: time))
    }
}
