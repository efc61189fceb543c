import DoormanClient
import Hummingbird

/// Why a request does not pass, and what it is told: RFC 6750, section 3.
enum BearerFailure: Equatable {
    case noToken
    case malformed
    case rejected
    /// - Parameter seconds: When it is worth asking again.
    case unavailable(seconds: Int64)

    init(_ error: DoormanError) {
        switch error.kind {
        case .rejected: self = .rejected
        case .unavailable: self = .unavailable(seconds: Self.wholeSeconds(error.retryAfter ?? .seconds(1)))
        }
    }

    func answer(realm: String) -> HTTPError {
        switch self {
        case .noToken:
            // An error code would tell a client without a token that one is wanted.
            HTTPError(.unauthorized, headers: [.wwwAuthenticate: "Bearer realm=\"\(realm)\""], message: "a bearer token is missing")
        case .malformed: challenge(.badRequest, "invalid_request", "the bearer token is malformed, or not the only one", realm)
        case .rejected: challenge(.unauthorized, "invalid_token", "the token is not good: log in again", realm)
        case .unavailable(let seconds):
            HTTPError(
                .serviceUnavailable, headers: [.retryAfter: String(seconds)],
                message: "it is not known now whether the token is good: try again")
        }
    }

    private func challenge(_ status: HTTPResponse.Status, _ code: String, _ text: String, _ realm: String) -> HTTPError {
        let value = "Bearer realm=\"\(realm)\", error=\"\(code)\", error_description=\"\(text)\""
        return HTTPError(status, headers: [.wwwAuthenticate: value], message: text)
    }

    /// `Retry-After` knows no fractions, and none at all would bring the request back at once.
    private static func wholeSeconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(1, attoseconds > 0 ? seconds + 1 : seconds)
    }
}
