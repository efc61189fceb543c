import AccountKitEmulator
import CallerLimits
import DoormanCore
import DoormanServer
import DoormanWire
import TestKit
import Testing

@testable import DoormanDaemon

/// Causes each failure of the contract at each HTTP endpoint, and compares the response with the contract's table. The endpoints' own
/// tests render the rows that no request over HTTP/1.1 can cause.
@Suite("Every row of the failure contract over HTTP")
struct EveryHTTPRowTests {
    struct Row: Sendable, CustomStringConvertible {
        let failure: Failure
        let endpoint: HTTPEndpoint

        var description: String { "\(failure) at \(endpoint)" }
    }

    static let rows = Failure.allCases.flatMap { failure in
        HTTPEndpoint.allCases.map { Row(failure: failure, endpoint: $0) }.filter { $0.failure.occurs(at: $0.endpoint) }
    }

    @Test("reaches the caller as the table says", arguments: rows)
    func row(row: Row) async throws {
        let trial = Trial(row.failure)
        try await Stack.run(
            settings: { settings in
                trial.settings(&settings)
                settings.prepareForGateway(row.failure)
            }, time: trial.time
        ) { stack in
            let other = try RawPeer.connect(port: stack.port)
            try await trial.prepare(stack, other)
            let token = try row.failure.token(at: stack)
            if row.failure == .wrongProvider {
                // Only a valid entry shows that a token belongs to another provider.
                try await other.send(Trial.verify(token, 1))
                _ = try await other.readFrame()
            }
            let peer = try RawPeer.connect(port: stack.port)
            try await peer.send(Array(row.request(token).utf8))
            let text = String(decoding: try await peer.readUntilEnd(), as: UTF8.self)
            let status = row.failure.httpStatus(for: row.endpoint)
            #expect(text.hasPrefix("HTTP/1.1 \(status.rawValue) "), "\(text)")
            #expect(text.contains("\r\nRetry-After: ") == status.hasRetryAfter)
            #expect(!text.contains("\r\nRetry-After: 0"))
            #expect(!text.contains(token))
            switch row.endpoint {
            case .forwardAuth: #expect(text.hasSuffix("Content-Length: 0\r\n\r\n"))
            case .introspection where status == .ok: #expect(text.hasSuffix("\r\n\r\n{\"active\":false}"))
            case .introspection, .api:
                if let reason = row.failure.row.reason { #expect(text.contains("\"reason\":\"\(reason)\"")) }
            }
        }
    }
}

extension EveryHTTPRowTests.Row {
    fileprivate func request(_ token: String) -> String {
        switch endpoint {
        case .forwardAuth:
            let profile = failure.profile.map { "/profiles/\($0)" } ?? ""
            return "GET \(profile)/auth HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n\r\n"
        case .introspection:
            return post(
                "/oauth2/introspect", "application/x-www-form-urlencoded\r\nAuthorization: Basic eDp5",
                failure == .malformedRequest ? "no=token" : "token=\(token)")
        case .api:
            let further =
                switch failure {
                case .wrongProvider: #","provider":"another""#
                case .insufficientScope: #","requiredScopes":["orders:write"]"#
                case .malformedRequest: #","unknown":1"#
                default: ""
                }
            return post(
                failure == .tooManyDenials ? "/v1/revoke" : "/v1/verify", "application/json", "{\"token\":\"\(token)\"\(further)}")
        }
    }

    private func post(_ target: String, _ type: String, _ body: String) -> String {
        let body = failure == .frameTooLong ? body + String(repeating: " ", count: 65_537) : body
        return "POST \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \(type)\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

extension DoormandSettings {
    /// Makes a call without a deadline or a method of its own cause the failure.
    mutating func prepareForGateway(_ failure: Failure) {
        if failure == .deadlineExceeded { server.connection.defaultCallTimeout = .milliseconds(100) }
        if failure == .callerNotAllowed {
            server.policy = CallerPolicy([CallerPolicy.Rule([.any], CallerPermissions([]))], setting: "authorization.policy-file")
        }
    }
}

extension Failure {
    /// A token that causes the failure.
    func token(at stack: Stack) throws -> String {
        switch self {
        case .tokenRejected, .deadlineExceeded: "EMAWnobodys"
        case .malformedToken: "AQcode"
        case .proofRejected: try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
        case .storeUnavailable: try stack.emulator.issueJWT(AccessTokenRequest(lifetime: 3600), email: "a@example.com")
        default: try stack.emulator.logIn(phone: "+15551234567")
        }
    }

    /// The profile of ``Stack/http`` that causes the failure; `nil` if the failure needs none.
    var profile: String? {
        switch self {
        case .wrongProvider: "another-provider"
        case .insufficientScope: "missing-scope"
        default: nil
        }
    }

    /// Whether a request over HTTP can cause the failure at the endpoint.
    func occurs(at endpoint: HTTPEndpoint) -> Bool {
        switch self {
        case .tokenRejected, .wrongApplication, .proofRejected, .malformedToken, .callerNotAllowed, .providerUnavailable,
            .providerBusy, .providerMisconfigured, .storeUnavailable, .deadlineExceeded, .tooManyMisses, .tooManyCallsPerSecond,
            .tooManyCallsOfCaller, .tooManyCallsAtServer:
            true
        // Introspection names no requirements.
        case .wrongProvider, .insufficientScope: endpoint != .introspection
        // Forward auth reads no body, and takes a malformed header for a malformed token.
        case .malformedRequest, .frameTooLong: endpoint != .forwardAuth
        case .tooManyDenials: endpoint == .api
        // A connection has one call in flight, and a draining server answers. The others are no failures of these endpoints' calls.
        case .tooManyCalls, .draining, .unimplemented, .serviceUnknown, .internal: false
        }
    }
}
