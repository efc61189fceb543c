package import DoormanSupport

/// An HTTP endpoint that answers calls, by how it presents failures.
package enum HTTPEndpoint: Sendable, Hashable, CaseIterable {
    /// `/v1/verify`, `/v1/exchange` and `/v1/revoke`.
    case api
    /// `/oauth2/introspect` (RFC 7662).
    case introspection
    /// `/auth` and `/profiles/…/auth`, which gateways ask about each request.
    case forwardAuth
}

/// A status code of HTTP (RFC 9110, section 15). The codes that Doorman sends have names.
package struct HTTPStatus: Sendable, Hashable {
    package let rawValue: UInt16
    /// The reason phrase.
    package let phrase: StaticString

    private init(_ rawValue: UInt16, _ phrase: StaticString) {
        self.rawValue = rawValue
        self.phrase = phrase
    }

    package static let ok = HTTPStatus(200, "OK")
    package static let badRequest = HTTPStatus(400, "Bad Request")
    package static let unauthorized = HTTPStatus(401, "Unauthorized")
    package static let forbidden = HTTPStatus(403, "Forbidden")
    package static let notFound = HTTPStatus(404, "Not Found")
    package static let methodNotAllowed = HTTPStatus(405, "Method Not Allowed")
    package static let requestTimeout = HTTPStatus(408, "Request Timeout")
    package static let contentTooLarge = HTTPStatus(413, "Content Too Large")
    package static let unsupportedMediaType = HTTPStatus(415, "Unsupported Media Type")
    package static let misdirectedRequest = HTTPStatus(421, "Misdirected Request")
    package static let tooManyRequests = HTTPStatus(429, "Too Many Requests")
    package static let headerFieldsTooLarge = HTTPStatus(431, "Request Header Fields Too Large")
    package static let internalServerError = HTTPStatus(500, "Internal Server Error")
    package static let notImplemented = HTTPStatus(501, "Not Implemented")
    package static let serviceUnavailable = HTTPStatus(503, "Service Unavailable")

    /// Whether the response has the header `Retry-After`.
    package var hasRetryAfter: Bool { self == .tooManyRequests || self == .serviceUnavailable }

    package static func == (left: HTTPStatus, right: HTTPStatus) -> Bool { left.rawValue == right.rawValue }

    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

extension Failure {
    /// The forms of a failure at the endpoints other than ttrpc and gRPC.
    ///
    /// A gateway must never let a request pass because of a failure. So it gets 503 for a failure that has no better status there.
    package struct EndpointRow: Sendable, Hashable {
        package let api: HTTPStatus
        package let introspection: HTTPStatus
        package let forwardAuth: HTTPStatus
        /// The code in the `CheckResponse` of Envoy's ext_authz.
        package let checkCode: StatusCode
        /// The status in the `denied_response` of that `CheckResponse`.
        package var checkStatus: HTTPStatus { forwardAuth }

        fileprivate init(_ api: HTTPStatus, introspection: HTTPStatus? = nil, forwardAuth: HTTPStatus? = nil, check: StatusCode) {
            self.api = api
            self.introspection = introspection ?? api
            self.forwardAuth = forwardAuth ?? api
            checkCode = check
        }

        fileprivate static let rejected = EndpointRow(.unauthorized, introspection: .ok, check: .unauthenticated)
        fileprivate static let forbidden = EndpointRow(.forbidden, check: .permissionDenied)
        fileprivate static let limited = EndpointRow(.tooManyRequests, check: .permissionDenied)
        fileprivate static let unavailable = EndpointRow(.serviceUnavailable, check: .unavailable)

        /// A failure that says nothing about the token, and that gateways should not see.
        fileprivate static func unexpected(_ api: HTTPStatus) -> EndpointRow {
            EndpointRow(api, forwardAuth: .serviceUnavailable, check: .unavailable)
        }
    }

    /// The failure's forms at the other endpoints: the only such table in code.
    ///
    /// A test compares it with the table in `docs/reference/http-api.md`.
    package var endpoints: EndpointRow {
        switch self {
        case .tokenRejected, .wrongApplication, .wrongProvider, .proofRejected, .malformedToken: .rejected
        case .insufficientScope, .callerNotAllowed: .forbidden
        case .malformedRequest: EndpointRow(.badRequest, forwardAuth: .unauthorized, check: .unauthenticated)
        case .tooManyCalls, .tooManyMisses, .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyCallsAtServer, .tooManyDenials:
            .limited
        case .providerUnavailable, .providerBusy, .providerMisconfigured, .storeUnavailable, .deadlineExceeded, .draining:
            .unavailable
        case .internal: .unexpected(.internalServerError)
        case .frameTooLong: .unexpected(.contentTooLarge)
        case .serviceUnknown: .unexpected(.notFound)
        case .unimplemented: .unexpected(.notImplemented)
        }
    }

    /// The status of the response at an HTTP endpoint. 200 at ``HTTPEndpoint/introspection`` stands for `{"active":false}`.
    package func httpStatus(for endpoint: HTTPEndpoint) -> HTTPStatus {
        switch endpoint {
        case .api: endpoints.api
        case .introspection: endpoints.introspection
        case .forwardAuth: endpoints.forwardAuth
        }
    }
}

// In the units of HTTP and gRPC.
extension RetryHint {
    /// The value of the header `Retry-After` (RFC 9110, section 10.2.3): the delay in seconds, rounded up, at least 1.
    ///
    /// Without a delay it is 1: `docs/reference/wire-protocol.md`, section 5.
    package static func seconds(_ delay: Duration?) -> Int64 {
        guard let (seconds, attoseconds) = delay?.components, seconds >= 0 else { return 1 }
        return max(1, attoseconds > 0 && seconds < .max ? seconds + 1 : seconds)
    }

    /// The value of `grpc-retry-pushback-ms`: the delay in milliseconds, rounded up, at least 0.
    package static func milliseconds(_ delay: Duration) -> Int64 {
        let (seconds, attoseconds) = delay.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let perMillisecond: Int64 = 1_000_000_000_000_000
        let (sum, tooFar) = whole.addingReportingOverflow((max(0, attoseconds) + perMillisecond - 1) / perMillisecond)
        return overflow || tooFar ? (seconds < 0 ? 0 : .max) : max(0, sum)
    }
}
