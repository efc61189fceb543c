internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP

/// Carries the requests of an application to a ``SimulatedProvider``, which responds as Account Kit does.
struct SimulatedTransport: HTTPTransport {
    let provider: SimulatedProvider
    /// The application that sends the requests.
    let application: String
    /// The verification for which the current task sends a request. The ledger needs more of it than the request says.
    @TaskLocal static var verification: VerificationRequest?

    private var world: World { provider.world }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        let request = GraphRequest(request)
        let began = world.now
        do throws(SimulatedProvider.Failure) {
            return try await provider.call(
                of: application, about: request.verifiedToken, deadline: Deadline(began.advanced(by: timeout))
            ) { evaluated in
                guard let token = request.verifiedToken else {
                    let response = response(to: request, at: evaluated)
                    return { _ in response }
                }
                let verification = SimulatedProvider.Verification(
                    token: token, application: application, named: Self.verification?.applicationID, began: began)
                let finish = provider.verify(verification, at: evaluated) { fact in
                    provider.accepts(proof: request.proof, of: token, fact.application)
                }
                return { returned in
                    let verdict = finish(returned)
                    return world.draw { HTTPResponse(verdict, drawnBy: &$0) }
                }
            }
        } catch {
            switch error {
            case .noResponse: throw TransportError(.timedOut, requestMayHaveBeenSent: true)
            case .down:
                let response = world.draw { HTTPResponse.outages.randomElement(using: &$0)! }
                guard let response else { throw TransportError(.connectionLost, requestMayHaveBeenSent: true) }
                return response
            case .odd: return oddResponse(to: request, began: began)
            case .throttled(let retryAfter): return world.draw { .throttling(retryAfter: retryAfter, drawnBy: &$0) }
            }
        }
    }

    private func oddResponse(to request: GraphRequest, began: Instant) -> HTTPResponse {
        let odd = world.draw { OddResponse.all.randomElement(using: &$0)! }
        provider.ledger.withLockedValue { [now = world.now] ledger in
            ledger.providerResponseOdd(odd.meaning, application, request.verifiedToken, began: began, now: now)
        }
        return odd.response
    }

    /// Carries out a request that is not E2.
    private func response(to request: GraphRequest, at now: Instant) -> HTTPResponse {
        switch request.endpoint {
        case .me: preconditionFailure("the caller verifies")
        case .logout:
            let token = Token(bytes: request.accessToken)
            guard let fact = provider.fact(about: token, at: now), fact.revokedAt == nil else {
                return world.draw { .tokenRejection(drawnBy: &$0) }
            }
            guard provider.accepts(proof: request.proof, of: token, fact.application) else { return .proofRejection }
            _ = provider.revoke(at: now) { other, _ in other == token }
            return .success
        case .invalidateAllTokens(let account):
            // The provider's error for an unknown account is that for a wrong secret.
            guard provider.accepts(appToken: request.accessToken, of: application), provider.hasAccount(account, of: application)
            else { return .appTokenRejection }
            _ = provider.revoke(at: now) { _, fact in fact.account == account && fact.application == application }
            return .success
        case .accounts:
            return provider.accepts(appToken: request.accessToken, of: application) ? .noAccounts : .appTokenRejection
        }
    }
}

/// A request to Account Kit, read from its URL.
private struct GraphRequest {
    enum Endpoint {
        case me
        case logout
        case invalidateAllTokens(account: String)
        case accounts
    }

    private static let root = "https://graph.accountkit.com/v1.3/"

    let endpoint: Endpoint
    let accessToken: [UInt8]
    /// The proof of a request that carries a user's token.
    let proof: String

    init(_ request: HTTPRequest) {
        precondition(request.url.hasPrefix(Self.root), "the path and the version are those of the contract")
        let url = request.url.utf8.dropFirst(Self.root.utf8.count)
        let mark = url.firstIndex(of: UInt8(ascii: "?"))!
        let path = String(url[..<mark])!
        switch (request.method, path) {
        case (.get, "me"): endpoint = .me
        case (.post, "logout"): endpoint = .logout
        case (.post, _) where path.hasSuffix("/invalidate_all_tokens"):
            endpoint = .invalidateAllTokens(account: String(path.prefix { $0 != "/" }))
        case (.get, _) where path.hasSuffix("/accounts/"): endpoint = .accounts
        default: preconditionFailure("a request that no simulation makes")
        }
        // Searches of short texts only: the simulation is not optimized.
        let token = url[mark...].dropFirst("?access_token=".utf8.count)
        let end = token.firstIndex(of: UInt8(ascii: "&")) ?? token.endIndex
        accessToken = PercentEncoding.decoded(token[..<end])!
        proof = String(token[end...].dropFirst("&appsecret_proof=".utf8.count))!
    }

    /// The token that the request verifies; `nil` in a request of another kind.
    var verifiedToken: Token? {
        if case .me = endpoint { Token(bytes: accessToken) } else { nil }
    }
}
