internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP

/// Carries the requests of an application to a ``SimulatedProvider``, which responds as Account Kit does.
struct SimulatedTransport: HTTPTransport {
    let provider: SimulatedProvider
    /// The application that sends the requests.
    let application: String
    /// The application that the calls name which wait for the response, for the ledger.
    let named: String?

    private var world: World { provider.world }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        let request = GraphRequest(request)
        let began = world.now
        do throws(SimulatedProvider.Failure) {
            return try await provider.call(
                of: application, about: request.verifiedToken, deadline: Deadline(began.advanced(by: timeout))
            ) { evaluated in
                if let token = request.verifiedToken { return verify(token, request.proof, began: began, evaluated: evaluated) }
                let response = response(to: request, at: evaluated)
                return { _ in response }
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

    /// E2. The provider judges a token before its proof.
    private func verify(
        _ token: Token, _ proof: String, began: Instant, evaluated: Instant
    ) -> (Instant) -> HTTPResponse {
        let fact = provider.fact(about: token, at: evaluated)
        let isProven = fact.map { provider.accepts(proof: proof, of: token, $0.application) } ?? false
        return { returned in
            let verdict: Verdict
            let response: HTTPResponse
            switch fact {
            case nil:
                verdict = .rejected(Rejection(.tokenRejected, "No such token."))
                response = world.draw { .tokenRejection(drawnBy: &$0) }
            case _? where !isProven:
                verdict = .rejected(Rejection(.proofRejected, "The proof is wrong."))
                response = .proofRejection
            case let fact?:
                verdict = .valid(
                    Identity(
                        accountID: fact.account, applicationID: fact.application, provider: "simulated",
                        verifiedAt: world.wallTime))
                response = .account(fact.account, of: fact.application)
            }
            let statement = Ledger.Statement(
                token: token, application: application, named: named, requested: began, evaluated: evaluated, returned: returned,
                verdict: verdict)
            provider.ledger.withLockedValue { $0.providerSaid(statement) }
            return response
        }
    }

    /// Carries out a request that is not E2.
    private func response(to request: GraphRequest, at now: Instant) -> HTTPResponse {
        switch request.endpoint {
        case .me, .logout:
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

    let endpoint: Endpoint
    private(set) var accessToken: [UInt8] = []
    private(set) var proof = ""

    init(_ request: HTTPRequest) {
        let parts = request.url.utf8.split(separator: UInt8(ascii: "?"))
        let path = parts[0].split(separator: UInt8(ascii: "/")).dropFirst(3).map { String($0)! }
        switch (request.method, path.first, path.last) {
        case (.get, "me", "me"): endpoint = .me
        case (.post, "logout", "logout"): endpoint = .logout
        case (.post, let account?, "invalidate_all_tokens"): endpoint = .invalidateAllTokens(account: account)
        case (.get, _, "accounts"): endpoint = .accounts
        default: preconditionFailure("a request that no simulation makes")
        }
        for parameter in parts[1].split(separator: UInt8(ascii: "&")) {
            let pair = parameter.split(separator: UInt8(ascii: "="))
            switch String(pair[0]) {
            case "access_token": accessToken = PercentEncoding.decoded(pair[1])!
            case "appsecret_proof": proof = String(pair[1])!
            default: break
            }
        }
    }

    /// The token that the request verifies; `nil` in a request of another kind.
    var verifiedToken: Token? {
        if case .me = endpoint { Token(bytes: accessToken) } else { nil }
    }
}
