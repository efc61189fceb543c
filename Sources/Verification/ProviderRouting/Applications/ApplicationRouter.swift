package import DoormanCore
package import DoormanSupport

/// Asks as the right application and with the right one of its secrets: a token does not tell for which application it was made,
/// and while a secret is changed nobody knows which of two Account Kit takes.
///
/// Only a proof that was found wrong, an answer about another application, and a failure of ``VerificationError/Scope/credential``
/// lead on to the next, and an allowance that is used up to the next application; whatever else is answered holds for all of them, and
/// ends the search.
package final class ApplicationRouter: Sendable {
    /// An application, and what to ask with as that application.
    package struct Application: Sendable {
        package let id: String
        /// One for each secret that Account Kit may take, the current one first. At least one.
        package let credentials: [any TokenProvider]
        /// The number of the one that is used first until another one works.
        package let preferred: Int

        package init(id: String, credentials: [any TokenProvider], preferred: Int = 0) {
            self.id = id
            self.credentials = credentials
            self.preferred = preferred
        }
    }

    let routes: [ApplicationRoute]

    /// - Parameter applications: At least one, each with an id of its own, in the order in which they are asked about tokens that
    ///   may be of any.
    package init(_ applications: [Application]) {
        precondition(!applications.isEmpty, "at least one application is configured")
        precondition(Set(applications.map(\.id)).count == applications.count, "an application is configured once")
        routes = applications.map(ApplicationRoute.init)
    }

    /// The number of the application's credential that worked last; nil if there is no such application.
    package func preferredCredential(of applicationID: String) -> Int? {
        route(to: applicationID)?.preferred.number
    }

    /// The routes in the order to try them: the likely one first.
    func routes(likely applicationID: String?) -> [ApplicationRoute] {
        guard let applicationID, let likely = route(to: applicationID) else { return routes }
        return [likely] + routes.filter { $0.applicationID != applicationID }
    }

    func route(to applicationID: String) -> ApplicationRoute? {
        routes.first { $0.applicationID == applicationID }
    }

    /// The route for what only one application can do.
    ///
    /// - Throws: If the application is none of ours, or none is named and there are several.
    func onlyRoute(named applicationID: String?) throws(VerificationError) -> ApplicationRoute {
        guard let applicationID else {
            guard routes.count == 1 else {
                throw VerificationError(
                    .invalidRequest, "Several applications are configured here: the request must name the one that it is about.")
            }
            return routes[0]
        }
        guard let route = route(to: applicationID) else { throw .unknownApplication }
        return route
    }
}

extension ApplicationRouter: TokenProvider {
    package func validateSyntax(of token: Token) -> Rejection? {
        // The form of a token is the same for all.
        routes[0].preferred.provider.validateSyntax(of: token)
    }

    /// Asks one credential after the other until the token is judged; of the application of the request alone, if it names one.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        var routes = routes(likely: request.likelyApplicationID)
        if let applicationID = request.applicationID {
            guard let route = route(to: applicationID) else { return .rejected(.anotherApplication) }
            routes = [route]
        }
        var failedAttempts = FailedAttempts()
        for route in routes {
            attempts: for credential in route.credentialsInOrder {
                do throws(VerificationError) {
                    let verdict = try await credential.provider.verify(request, deadline: deadline)
                    switch verdict {
                    case .valid:
                        credential.hasWorked()
                        return verdict
                    case .rejected(let rejection) where rejection.reason == .proofRejected:
                        failedAttempts.add(rejection)
                    case .rejected(let rejection) where rejection.reason == .wrongApplication:
                        // The answer came, so the secret did not stand in its way: another one would bring the same.
                        failedAttempts.add(rejection)
                        break attempts
                    case .rejected:
                        return verdict
                    }
                } catch {
                    if error.code == .providerBusy {
                        // An allowance is its application's own: the token may be another's, who still may ask.
                        failedAttempts.add(error)
                        break attempts
                    }
                    guard error.scope == .credential else { throw error }
                    failedAttempts.add(error)
                }
            }
        }
        return try failedAttempts.outcome()
    }

    /// Asks once: what may have been sent is never sent again. A failure that a wrong secret may have caused only makes the next
    /// exchange use the other one.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        let credential = try onlyRoute(named: request.applicationID).preferred
        do throws(VerificationError) {
            let verdict = try await credential.provider.exchange(request, deadline: deadline)
            if case .issued = verdict { credential.hasWorked() }
            return verdict
        } catch {
            if error.scope == .credential { credential.mayBeWrong() }
            throw error
        }
    }

    /// A token is revoked as whichever application may do so, that of the request first; an account, whose id means something
    /// within one application only, as that application.
    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        switch request.subject {
        case .token: try await revokeToken(request, deadline: deadline)
        case .account:
            try await onlyRoute(named: request.applicationID).ask { (provider) async throws(VerificationError) in
                try await provider.revoke(request, deadline: deadline)
            }
        }
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await onlyRoute(named: request.applicationID).ask { (provider) async throws(VerificationError) in
            try await provider.accounts(request, deadline: deadline)
        }
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await onlyRoute(named: request.applicationID).ask { (provider) async throws(VerificationError) in
            try await provider.deleteAccount(request, deadline: deadline)
        }
    }

    private func revokeToken(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        if let applicationID = request.applicationID, route(to: applicationID) == nil { throw .unknownApplication }
        var failure: VerificationError?
        for route in routes(likely: request.applicationID) {
            let asked = RevocationRequest(request.subject, applicationID: route.applicationID)
            for credential in route.credentialsInOrder {
                do throws(VerificationError) {
                    // That it is done says nothing of the secret: a token that was void already counts, and is judged first.
                    return try await credential.provider.revoke(asked, deadline: deadline)
                } catch {
                    guard error.scope == .credential else { throw error }
                    failure = failure ?? error
                }
            }
        }
        throw failure ?? .noCredential
    }
}

/// The results of the credentials tried so far, none of which could judge the token.
private struct FailedAttempts {
    private var proof: Rejection?
    private var application: Rejection?
    private var failure: VerificationError?
    private var count = 0

    mutating func add(_ rejection: Rejection) {
        count += 1
        if rejection.reason == .proofRejected { proof = proof ?? rejection } else { application = application ?? rejection }
    }

    mutating func add(_ error: VerificationError) {
        count += 1
        failure = failure ?? error
    }

    /// One credential that could not ask leaves it open whose token it is. One proof that was found wrong leaves it open whether
    /// the token is another application's or a secret of ours is wrong, so that is said, and not remembered.
    func outcome() throws(VerificationError) -> Verdict {
        if let failure { throw failure }
        if let proof { return .rejected(count == 1 ? proof : application == nil ? .allProofsWrong : .noneFits) }
        return .rejected(application ?? .anotherApplication)
    }
}
