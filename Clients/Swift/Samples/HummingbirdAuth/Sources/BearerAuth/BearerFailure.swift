import DoormanClient
import Hummingbird

/// The reason why a request is turned down, and the response to it (RFC 6750, section 3).
enum BearerFailure: Equatable {
    case noToken
    case malformed
    case rejected
    /// The token lacks a scope.
    case forbidden
    /// - Parameter seconds: The time to wait before a retry.
    case unavailable(seconds: Int64)

    init(_ error: DoormanError) {
        switch error.kind {
        case .rejected: self = .rejected
        case .forbidden: self = .forbidden
        case .unavailable: self = .unavailable(seconds: Self.wholeSeconds(error.retryAfter ?? .seconds(1)))
        }
    }

    func response(realm: String) -> HTTPError {
        switch self {
        case .noToken:
            // RFC 6750: no error code if the request has no token.
            HTTPError(
                .unauthorized, headers: [.wwwAuthenticate: "Bearer realm=\"\(realm)\""], message: "the request has no bearer token")
        case .malformed: challenge(.badRequest, "invalid_request", "the bearer token is malformed, or there are several", realm)
        case .rejected: challenge(.unauthorized, "invalid_token", "the token is rejected: log in again", realm)
        case .forbidden: challenge(.forbidden, "insufficient_scope", "the token lacks a scope that this request needs", realm)
        case .unavailable(let seconds):
            HTTPError(
                .serviceUnavailable, headers: [.retryAfter: String(seconds)],
                message: "the token can't be verified at the moment: try again later")
        }
    }

    private func challenge(_ status: HTTPResponse.Status, _ code: String, _ text: String, _ realm: String) -> HTTPError {
        let value = "Bearer realm=\"\(realm)\", error=\"\(code)\", error_description=\"\(text)\""
        return HTTPError(status, headers: [.wwwAuthenticate: value], message: text)
    }

    /// Rounds up to at least 1, because `Retry-After` has no fractions, and 0 would cause an immediate retry.
    private static func wholeSeconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(1, attoseconds > 0 ? seconds + 1 : seconds)
    }
}
