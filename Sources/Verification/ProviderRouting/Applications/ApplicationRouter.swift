package import DoormanCore
package import DoormanSupport

/// Routes each call to the application and the credential that can serve it.
///
/// A token does not say which application it was made for, so the router tries the applications in order. During a secret rotation
/// the provider may accept either secret, so the router tries the credentials of an application in order.
///
/// - A rejected proof, or an error of ``VerificationError/Scope/credential``, leads to the next credential. A rejected proof rejects the
///   token only if the secret is known to be right.
/// - A token of another application, or throttling, leads to the next application.
/// - Any other result is final.
package final class ApplicationRouter: Sendable {
    /// An application and its credentials.
    package struct Application: Sendable {
        /// The name of the provider.
        package let provider: String
        package let id: String
        /// A verifier for each secret that the provider may accept, the current secret first. At least one.
        package let credentials: [any TokenProvider]
        /// The index of the credential to use first, until another one works. Default 0.
        package let preferred: Int
        /// The result of the last check of the application's credentials; `nil`, the default, before the first.
        package let lastCheck: CheckResult?
        /// The permits of lookups; `nil`, the default, if there is no other provider.
        package var lookupPermits: LookupPermits?

        package init(
            provider: String, id: String, credentials: [any TokenProvider], preferred: Int = 0,
            lastCheck: CheckResult? = nil
        ) {
            self.provider = provider
            self.id = id
            self.credentials = credentials
            self.preferred = preferred
            self.lastCheck = lastCheck
        }
    }

    /// What the checks of an application's credentials have shown.
    package enum CheckResult: Sendable, Hashable {
        /// A credential works.
        case succeeded
        /// No credential was found to work.
        case failed
        /// The provider calls a text active that is no token. No verdict of it is believed until a check succeeds.
        case distrusted
    }

    /// Receives the outcome of a check of an application's credentials if it differs from the one before: `nil` if a credential works,
    /// otherwise the error. A call that succeeds after a failed check counts as a check. The first check is expected to succeed. Called on
    /// any thread; must not block.
    package typealias CredentialObserver = @Sendable (_ applicationID: String, _ failure: VerificationError?) -> Void

    /// Charges a provider request to a caller that has paid for fewer requests than its call needed. Called on any thread after the request;
    /// must not block.
    package typealias ChargeExtraRequest = @Sendable (_ caller: Caller) -> Void

    /// Whether the application that a call names selects the route.
    package enum Selection: Sendable, Hashable {
        /// It does, since each token belongs to one application.
        case byApplication
        /// It does not: the verifier itself compares it with the token's audiences.
        case byVerifier
    }

    let routes: [ApplicationRoute]
    private let selection: Selection
    private let timeSource: TimeSource
    private let credentialCheck: CredentialCheck
    private let chargeExtraRequest: ChargeExtraRequest

    /// - Parameters:
    ///   - applications: At least one, with unique ids, in the order in which to try them for a token of unknown application.
    ///   - checkTimeout: The maximum time of a check of credentials. Default 2 s.
    package init(
        _ applications: [Application], selection: Selection = .byApplication, timeSource: TimeSource,
        checkTimeout: Duration = .seconds(2),
        chargeExtraRequest: @escaping ChargeExtraRequest, observer: @escaping CredentialObserver = { _, _ in }
    ) {
        precondition(!applications.isEmpty, "at least one application is configured")
        precondition(Set(applications.map(\.id)).count == applications.count, "an application is configured once")
        routes = applications.map { [observer] application in
            ApplicationRoute(application, onRecovery: { observer(application.id, nil) })
        }
        self.selection = selection
        self.timeSource = timeSource
        self.chargeExtraRequest = chargeExtraRequest
        credentialCheck = CredentialCheck(
            timeSource: timeSource, timeout: checkTimeout, applicationCount: applications.count, observer: observer)
    }

    /// Begins a check of each application's credentials, without waiting for the outcome. To be called when the router is put to use.
    package func checkCredentials() {
        for route in routes { credentialCheck.start(route) }
    }

    /// Whether the first check of each application's credentials has ended, well or not.
    package var hasCheckedCredentials: Bool {
        routes.allSatisfy { $0.standing.withLockedValue { $0.checkResult != nil } }
    }

    /// Whether the last check of each application found a credential that works.
    package var hasWorkingCredentials: Bool {
        routes.allSatisfy { $0.standing.withLockedValue { $0.lastCheckSucceeded == true } }
    }

    /// Returns whether a provider of this name is among the routes.
    package func serves(_ provider: String) -> Bool { routes.contains { $0.provider == provider } }

    /// The application that selects a route; `nil` if the call names none, or if it does not select.
    private func selecting(_ applicationID: String?) -> String? {
        selection == .byApplication ? applicationID : nil
    }

    /// Returns the result of the last check of the application's credentials; `nil` if there was none.
    package func lastCheck(of applicationID: String) -> CheckResult? {
        route(to: applicationID)?.standing.withLockedValue { $0.checkResult } ?? nil
    }

    /// Returns whether the provider has rejected each of the application's credentials in calls, and accepted none since.
    package func isCredentialRejected(of applicationID: String) -> Bool { route(to: applicationID)?.isRejected ?? false }

    /// Returns the index of the application's preferred credential; `nil` if the application is not configured.
    package func preferredCredential(of applicationID: String) -> Int? {
        route(to: applicationID)?.preferred.number
    }

    /// Returns the routes of a provider in the order to try them, the given application first.
    ///
    /// - Parameter provider: The name of the provider; `nil` for all.
    func routes(of provider: String?, first applicationID: String?) -> [ApplicationRoute] {
        let routes = provider.map { name in self.routes.filter { $0.provider == name } } ?? self.routes
        guard let applicationID, let first = routes.first(where: { $0.applicationID == applicationID }) else { return routes }
        return [first] + routes.filter { $0.applicationID != applicationID }
    }

    func route(to applicationID: String) -> ApplicationRoute? {
        routes.first { $0.applicationID == applicationID }
    }

    /// Returns the route for a call that only one application can make.
    ///
    /// - Throws: `.invalidRequest` if the application is not configured, or if several are configured and the request names none.
    func onlyRoute(named target: ProviderTarget) throws(VerificationError) -> ApplicationRoute {
        let routes = routes(of: target.provider, first: selecting(target.applicationID))
        guard let applicationID = selecting(target.applicationID) else {
            guard routes.count == 1 else {
                throw VerificationError(
                    .invalidRequest, "Several applications are configured: the request must name its application.")
            }
            return routes[0]
        }
        guard let route = routes.first, route.applicationID == applicationID else { throw .unknownApplication }
        return route
    }
}

extension ApplicationRouter: TokenProvider {
    package func validateSyntax(of token: Token) -> Rejection? {
        // The syntax of a token does not depend on its application.
        routes[0].preferred.provider.validateSyntax(of: token)
    }

    /// The other forms of a token do not depend on its application.
    package func equivalents(of token: Token, naming provider: String?) -> [Token] {
        routes[0].preferred.provider.equivalents(of: token, naming: provider)
    }

    /// Returns the only application that the call can be for.
    package func resolve(
        _ target: ProviderTarget, for operation: ProviderOperation
    ) throws(VerificationError) -> ProviderTarget {
        let route = try onlyRoute(named: target)
        return ProviderTarget(provider: route.provider, applicationID: route.applicationID)
    }

    /// Verifies a token with one credential after another until a result is final: first as the application for which it was valid
    /// before, otherwise as the application of the request.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let wanted = selecting(request.applicationID)
        let named = routes(of: request.provider, first: nil).contains { $0.applicationID == wanted } ? wanted : nil
        var search = TokenSearch(request: request, named: named, deadline: deadline, charge: chargeExtraRequest)
        for route in routes(of: request.provider, first: request.known?.applicationID ?? named) {
            if route.isDistrusted {
                try await route.lookupPermits.perform(for: route.provider) { () async throws(VerificationError) in
                    try await credentialCheck.confirmVerdicts(of: route, deadline: deadline)
                }
            }
            let verdict = try await search.tryCredentials(of: route)
            // A check may have ended in the meantime.
            guard !route.isDistrusted else { throw .verdictsDistrusted }
            if let verdict { return verdict }
            // The token belongs to no other application, so the others need not pay for the trouble of this one.
            if route.applicationID == request.known?.applicationID, let failure = search.failure { throw failure }
            guard search.isProofRejected else { continue }
            if route.applicationID == request.known?.applicationID {
                credentialCheck.startIfDue(route)
                throw .secretStoppedWorking
            }
            search.rejectedProofs.append((route, timeSource.now()))
        }
        if let failure = search.failure { throw failure }
        // No token belongs to an application that is not configured, whatever the secrets.
        if wanted != nil, named == nil { return .rejected(.anotherApplication) }
        // A wrong secret may be the cause. A secret that is known to work decides.
        for (route, moment) in search.rejectedProofs {
            // A lookup that waits for the check still counts as a lookup of the provider.
            let working = try await route.lookupPermits.perform(for: route.provider) { () async throws(VerificationError) in
                try await credentialCheck.workingCredential(of: route, after: moment, deadline: deadline)
            }
            if let verdict = try await search.tryCredential(working, of: route) { return verdict }
            if let failure = search.failure { throw failure }
        }
        if search.rejectedProofs.isEmpty { return .rejected(search.wrongApplication ?? .anotherApplication) }
        return .rejected(.workingSecretRejected)
    }

    /// Exchanges a code with one request: a request that may have been sent is never repeated. After a failure that a wrong secret
    /// may have caused, the next exchange uses another secret.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        let credential = try onlyRoute(named: request.target).preferred
        do throws(VerificationError) {
            let verdict = try await credential.provider.exchange(request, deadline: deadline)
            if case .issued = verdict {
                credential.markWorking()
                // A second request verified the token.
                if let caller = request.caller { chargeExtraRequest(caller) }
            }
            return verdict
        } catch {
            credential.recordFailure(error)
            if error.scope == .credential { credential.markSuspect() }
            throw error
        }
    }

    /// Revokes a token as the first application that may do so, beginning with the application of the request. Revokes an account
    /// as its own application only, since an account id has no meaning in another application.
    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        switch request.subject {
        case .token: return try await revokeToken(request, deadline: deadline)
        case .account:
            return try await tryCredentials(of: request.target, paidBy: request.caller) {
                (provider) async throws(VerificationError) in try await provider.revoke(request, deadline: deadline)
            }
        }
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await tryCredentials(of: request.target, paidBy: request.caller) {
            (provider) async throws(VerificationError) in try await provider.accounts(request, deadline: deadline)
        }
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await tryCredentials(of: request.target, paidBy: request.caller) {
            (provider) async throws(VerificationError) in try await provider.deleteAccount(request, deadline: deadline)
        }
    }

    private func tryCredentials<Value>(
        of target: ProviderTarget, paidBy caller: Caller?, _ call: (any TokenProvider) async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        try await onlyRoute(named: target).tryCredentials(
            charging: RequestCharge(caller, charge: chargeExtraRequest), call)
    }

    private func revokeToken(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        let wanted = selecting(request.applicationID)
        let routes = routes(of: request.provider, first: wanted)
        if let wanted, routes.first?.applicationID != wanted { throw .unknownApplication }
        var failure: VerificationError?
        var requests = RequestCharge(request.caller, charge: chargeExtraRequest)
        for route in routes {
            let routed = RevocationRequest(
                request.subject, applicationID: selection == .byApplication ? route.applicationID : request.applicationID)
            for credential in route.credentialsInOrder {
                do throws(VerificationError) {
                    // Success does not show that the secret works: Account Kit, for one, checks the token first, and a void token
                    // counts as done.
                    let outcome = try await credential.provider.revoke(routed, deadline: deadline)
                    requests.record()
                    return outcome
                } catch {
                    requests.record(error)
                    credential.recordFailure(error)
                    guard error.scope == .credential || error.code == .providerBusy else { throw error }
                    failure = failure ?? error
                }
            }
        }
        throw failure ?? .noCredential
    }
}
