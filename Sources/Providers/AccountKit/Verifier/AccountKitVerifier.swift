package import DoormanCore
package import DoormanSupport
package import ProviderHTTP

/// Asks Account Kit. Everything it decides is decided by the pure parts next door; this puts them around a transport.
///
/// It asks once for each call: whether to ask, and to ask again, is for the governor to say.
package struct AccountKitVerifier: TokenProvider {
    /// The name in ``Identity/provider``.
    package static let providerName = "account-kit"

    /// Told of each call to Account Kit when it is over, and how long it took, for metrics and logs. Called on any thread; must not wait.
    package typealias Observer = @Sendable (AccountKitEndpoint, RequestOutcome, _ took: Duration) -> Void
    /// Told how much of its limits the application has used up, in percent, whenever an answer says so: see ``AppUsage``. Called
    /// on any thread; must not wait.
    package typealias UsageObserver = @Sendable (Int) -> Void

    let settings: AccountKitSettings
    let requests: AccountKitRequests
    private let transport: any HTTPTransport
    private let time: TimeSource
    private let observer: Observer
    private let usage: UsageObserver

    /// - Throws: ``AccountKitSettings/Invalid`` if the settings can't be meant.
    package init(
        _ settings: AccountKitSettings, transport: any HTTPTransport, time: TimeSource,
        observer: @escaping Observer = { _, _, _ in }, usage: @escaping UsageObserver = { _ in }
    ) throws(AccountKitSettings.Invalid) {
        if let problem = settings.problem { throw problem }
        self.settings = settings
        self.requests = AccountKitRequests(settings)
        self.transport = transport
        self.time = time
        self.observer = observer
        self.usage = usage
    }

    package func validateSyntax(of token: Token) -> Rejection? {
        TokenSyntax.rejection(of: token.bytes, maximumBytes: settings.maximumTokenBytes)
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        // No answer could be about an application that is not ours, so nobody needs to be asked.
        if let applicationID = request.applicationID, applicationID != settings.application.id {
            return .rejected(.anotherApplication)
        }
        let verdict = try await introspect(request.token, deadline: deadline)
        if case .valid(let identity) = verdict, let applicationID = request.applicationID, identity.applicationID != applicationID {
            return .rejected(.unknownApplication)
        }
        return verdict
    }

    /// E2, for a token of a possible form.
    func introspect(_ token: Token, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let answer = try await ask(.me, requests.me(token), deadline: deadline)
        switch answer {
        case .success(let body):
            guard let me = MeResponse(body) else { throw .malformedResponse }
            return verdict(on: me)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }

    /// The guard against another application's tokens (the contract, section 4.1).
    private func verdict(on answer: MeResponse) -> Verdict {
        if let applicationID = answer.applicationID {
            guard applicationID == settings.application.id else { return .rejected(.anotherApplication) }
        } else if !settings.acceptAnswersWithoutApplication {
            return .rejected(.unknownApplication)
        }
        var identity = Identity(
            accountID: answer.accountID, applicationID: answer.applicationID ?? "", provider: Self.providerName,
            verifiedAt: time.wallTime())
        switch answer.contact {
        case .phone(let number, let countryPrefix, let nationalNumber):
            identity.phone = PhoneNumber(number: number, countryPrefix: countryPrefix, nationalNumber: nationalNumber)
        case .email(let address):
            identity.email = address
        }
        return .valid(identity)
    }

    /// Asks within the time left, and classifies what comes.
    func ask(
        _ endpoint: AccountKitEndpoint, _ request: HTTPRequest, deadline: Deadline
    ) async throws(VerificationError) -> ResponseClassification {
        let began = time.now()
        let remaining = deadline.remaining(at: began)
        guard remaining > .zero else { throw .deadlineExceeded }
        let response: HTTPResponse
        do {
            response = try await transport.send(request, timeout: remaining)
        } catch {
            observer(endpoint, .failed(error.code), began.duration(to: time.now()))
            let deadlineHasPassed = error.code == .timedOut && deadline.hasPassed(at: time.now())
            throw deadlineHasPassed ? .deadlineExceeded : VerificationError(error, at: endpoint)
        }
        let took = began.duration(to: time.now())
        if let percent = AppUsage.percent(in: response.headers) { usage(percent) }
        let answer = ResponseClassification(response, to: endpoint)
        observer(endpoint, .answered(answer.kind, status: response.status), took)
        return answer
    }
}

extension AccountKitVerifier {
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try check(applicationID: request.applicationID)
        if let refusal = CodeSyntax.rejection(of: request.code.bytes, maximumBytes: settings.maximumCodeBytes) {
            return .rejected(refusal)
        }
        guard let exchange = requests.exchange(request.code) else {
            throw .misconfigured("Exchanging codes needs the Account Kit secret, and none is set.")
        }
        let answer = try await ask(.accessToken, exchange, deadline: deadline)
        switch answer {
        case .success(let body):
            guard let issued = AccessTokenResponse(body, maximumTokenBytes: settings.maximumTokenBytes) else {
                throw .malformedResponse
            }
            return await verdict(on: issued, deadline: deadline)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }

    /// The code is spent, so the token must reach the caller even if nobody can say whose it is just now, or if the two answers
    /// are at odds about that. A proof found wrong is such a case too: the token is new and our own, so it was the secret that
    /// changed in between.
    private func verdict(on issued: AccessTokenResponse, deadline: Deadline) async -> ExchangeVerdict {
        do {
            switch try await introspect(issued.token, deadline: deadline) {
            case .valid(let identity): return .issued(issued.token, identity.accountID == issued.accountID ? identity : nil)
            case .rejected(let rejection):
                return rejection.reason == .proofRejected ? .issued(issued.token, nil) : .rejected(rejection)
            }
        } catch {
            return .issued(issued.token, nil)
        }
    }

    /// - Throws: If the request names an application other than ours.
    func check(applicationID: String?) throws(VerificationError) {
        guard let applicationID, applicationID != settings.application.id else { return }
        throw .unknownApplication
    }
}

extension AccountKitVerifier {
    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        try check(applicationID: request.applicationID)
        switch request.subject {
        case .token(let token): try await revoke(token, deadline: deadline)
        case .account(let id): try await revokeAllTokens(ofAccount: id, deadline: deadline)
        }
    }

    /// E3.
    private func revoke(_ token: Token, deadline: Deadline) async throws(VerificationError) {
        if let refusal = validateSyntax(of: token) { throw VerificationError(.invalidRequest, refusal.message) }
        let answer = try await ask(.logout, requests.logout(token), deadline: deadline)
        switch answer {
        case .rejected(.tokenRejected):
            return  // It is void already.
        case .rejected(.proofInvalid):
            throw .misconfigured(ResponseKind.proofInvalid.sentence)
        default:
            try confirm(answer)
        }
    }

    /// E4. It is the application that asks, so a refused token here is the application's own.
    private func revokeAllTokens(ofAccount id: String, deadline: Deadline) async throws(VerificationError) {
        guard DecimalDigits.areAll(id, upTo: 64) else {
            throw VerificationError(.invalidRequest, "An account id is decimal digits.")
        }
        guard let request = requests.invalidateAllTokens(accountID: id) else {
            throw .misconfigured("Logging out an account needs the Account Kit secret, and none is set.")
        }
        let answer = try await ask(.invalidateAllTokens, request, deadline: deadline)
        guard answer != .rejected(.tokenRejected) else {
            throw .misconfigured("Account Kit refuses the application: check the app id and the Account Kit secret.")
        }
        try confirm(answer)
    }

    /// Both answer `{"success":true}`.
    private func confirm(_ answer: ResponseClassification) throws(VerificationError) {
        switch answer {
        case .success(let body):
            guard body["success"] == .bool(true) else { throw .malformedResponse }
        case .rejected:
            throw VerificationError(.invalidRequest, "Account Kit refuses to revoke this.")
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }
}

// For operators: both calls speak for the application, so a refused token is the application's own.

extension AccountKitVerifier {
    /// E6. The next page is asked for anew, with the cursor alone: see ``PageCursor``.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try check(applicationID: request.applicationID)
        guard AccountListRequest.pageSizes.contains(request.pageSize) else {
            throw VerificationError(.invalidRequest, "A page has 1 to 1000 accounts.")
        }
        if let after = request.after, !PageCursor.isPossible(after) {
            throw VerificationError(.invalidRequest, "This is nothing that a page gave as the beginning of the next.")
        }
        guard let question = requests.accounts(limit: request.pageSize, after: request.after) else {
            throw .misconfigured("Listing accounts needs the Account Kit secret, and none is set.")
        }
        let body = try await success(.accounts, question, refusal: "Account Kit refuses to list the accounts.", deadline: deadline)
        // A page that leads to itself would be asked for without end.
        guard let page = AccountsResponse(body, limit: request.pageSize)?.page, page.next == nil || page.next != request.after
        else {
            throw .malformedResponse
        }
        return page
    }

    /// E5.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try check(applicationID: request.applicationID)
        guard DecimalDigits.areAll(request.accountID, upTo: 64) else {
            throw VerificationError(.invalidRequest, "An account id is decimal digits.")
        }
        guard let question = requests.deleteAccount(id: request.accountID) else {
            throw .misconfigured("Deleting an account needs the Account Kit secret, and none is set.")
        }
        let body = try await success(
            .deleteAccount, question, refusal: "Account Kit refuses to delete this account.", deadline: deadline)
        guard body["success"] == .bool(true) else { throw .malformedResponse }
    }

    /// - Parameter refusal: What to say of a refusal that is about the request.
    private func success(
        _ endpoint: AccountKitEndpoint, _ question: HTTPRequest, refusal: String, deadline: Deadline
    ) async throws(VerificationError) -> [String: JSONValue] {
        let answer = try await ask(endpoint, question, deadline: deadline)
        switch answer {
        case .success(let body):
            return body
        case .rejected(.tokenRejected), .rejected(.proofInvalid):
            throw .misconfigured("Account Kit refuses the application: check the app id and the Account Kit secret.")
        case .rejected:
            throw VerificationError(.invalidRequest, refusal)
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }
}
