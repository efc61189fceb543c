import DoormanCore
import DoormanSupport
import JWTVerifier
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

/// An issuer whose responses a test sets. It can hold requests back.
final class ScriptedIssuer: Sendable {
    typealias Response = Result<HTTPResponse, VerificationError>

    private struct State {
        var responses: [String: Response] = [:]
        var requests: [String] = []
        var deadlines: [Deadline] = []
        var kinds: [ResponseKind] = []
        var isHeld = false
    }

    private let state = NIOLockedValueBox(State())

    /// - Parameter keySet: The text at ``Sample/keysURL``.
    init(keySet: String? = nil) {
        if let keySet { publish(keySet) }
    }

    /// The URLs that were requested.
    var requests: [String] { state.withLockedValue(\.requests) }

    /// The deadlines of these requests.
    var deadlines: [Deadline] { state.withLockedValue(\.deadlines) }

    /// The kinds of the responses.
    var kinds: [ResponseKind] { state.withLockedValue(\.kinds) }

    func publish(_ body: String, at url: String = Sample.keysURL, status: Int = 200, headers: HTTPHeaders = [:]) {
        respond(.success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8))), at: url)
    }

    func fail(at url: String = Sample.keysURL) {
        respond(.failure(VerificationError(.providerUnavailable, "Cannot connect to the host.", request: .sent)), at: url)
    }

    func respond(_ response: Response, at url: String) {
        state.withLockedValue { $0.responses[url] = response }
    }

    /// Holds further responses back until ``release()``.
    func hold() { state.withLockedValue { $0.isHeld = true } }

    func release() { state.withLockedValue { $0.isHeld = false } }

    /// The function that sends a verifier's requests here. The response is the one at the time of the request.
    var fetch: JWTVerifier.Fetch {
        { request, deadline, kind async throws(VerificationError) in
            let response = self.state.withLockedValue { state in
                state.requests.append(request.url)
                state.deadlines.append(deadline)
                return state.responses[request.url]
            }
            do {
                try await eventually("the issuer responds") { self.state.withLockedValue { !$0.isHeld } }
            } catch {
                throw VerificationError(.deadlineExceeded, "The issuer was held back for too long.")
            }
            guard let response else { throw VerificationError(.providerUnavailable, "There is no such host.", request: .sent) }
            let whole = try response.get()
            self.state.withLockedValue { $0.kinds.append(kind(whole)) }
            return whole
        }
    }
}

/// A verifier, its issuer and its clock.
struct Scene: Sendable {
    let clock = SteppedClock()
    let issuer: ScriptedIssuer
    let verifier: JWTVerifier
    let events = NIOLockedValueBox<[KeyEvent]>([])
    let removed = NIOLockedValueBox<Set<UInt64>>([])
    let limits = NIOLockedValueBox<[IdentityLimit]>([])

    /// - Parameter keySet: The issuer's keys; `nil` for a key of each type.
    init(
        _ settings: JWTSettings = Sample.settings(), keySet: String? = nil,
        maximumWaitersForUnknownKeys: Int = 1_000
    ) throws {
        issuer = ScriptedIssuer(keySet: try keySet ?? Sample.keySet())
        let (events, removed, limits) = (events, removed, limits)
        var settings = settings
        settings.maximumWaitersForUnknownKeys = maximumWaitersForUnknownKeys
        verifier = try JWTVerifier(
            settings, time: clock.timeSource, fetch: issuer.fetch,
            onKeysRemoved: { keys in removed.withLockedValue { $0.formUnion(keys) } },
            onLimitExceeded: { limit in limits.withLockedValue { $0.append(limit) } },
            observer: { event in events.withLockedValue { $0.append(event) } })
    }

    /// Verifies as the layers above do: the syntax first.
    func verify(_ token: Token, applicationID: String? = nil) async throws(VerificationError) -> Verdict {
        if let rejection = verifier.validateSyntax(of: token) { return .rejected(rejection) }
        return try await verifyWithoutSyntax(token, applicationID: applicationID)
    }

    func verifyWithoutSyntax(_ token: Token, applicationID: String? = nil) async throws(VerificationError) -> Verdict {
        try await verifier.verify(
            VerificationRequest(token: token, applicationID: applicationID),
            deadline: Deadline(clock.now.advanced(by: .seconds(30))))
    }

    /// The reason of the rejection; `nil` if the token is valid.
    func rejection(of token: Token) async throws -> Rejection.Reason? {
        let whole = try await verify(token)
        // The verifier relies on no other layer.
        let alone = try await verifyWithoutSyntax(token)
        guard case .rejected(let rejection) = whole, case .rejected = alone else {
            guard case .valid = whole, case .valid = alone else { throw NeverHappened(description: "\(whole), but \(alone)") }
            return nil
        }
        return rejection.reason
    }

    /// The error of a call without a verdict.
    func error(of token: Token) async -> VerificationError? {
        await #expect(throws: VerificationError.self) { try await verify(token) }
    }

    /// The identity of a valid token; `nil` if it is rejected.
    func identity(of token: Token, applicationID: String? = nil) async throws -> Identity? {
        guard case .valid(let identity) = try await verify(token, applicationID: applicationID) else { return nil }
        return identity
    }
}
