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
    package typealias Observer = @Sendable (AccountKitEndpoint, CallOutcome, _ took: Duration) -> Void
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

    package func refusalByForm(of token: Token) -> Rejection? {
        TokenForm.refusal(of: token.bytes, maximumBytes: settings.maximumTokenBytes)
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        if let refusal = refusalByForm(of: request.token) { return .rejected(refusal) }
        // No answer could be about an application that is not ours, so nobody needs to be asked.
        if let applicationID = request.applicationID, applicationID != settings.application.id {
            return .rejected(.anotherApplication)
        }
        let verdict = try await whose(request.token, deadline: deadline)
        if case .valid(let identity) = verdict, let applicationID = request.applicationID, identity.applicationID != applicationID {
            return .rejected(.unknownApplication)
        }
        return verdict
    }

    /// E2, for a token of a possible form.
    func whose(_ token: Token, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let answer = try await ask(.me, requests.me(token), deadline: deadline)
        switch answer {
        case .success(let body):
            guard let me = MeAnswer(body) else { throw .oddAnswer }
            return verdict(on: me)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }

    /// The guard against another application's tokens (the contract, section 4.1).
    private func verdict(on answer: MeAnswer) -> Verdict {
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
    ) async throws(VerificationError) -> AnswerClass {
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
        let answer = AnswerClass(response, to: endpoint)
        observer(endpoint, .answered(answer.kind, status: response.status), took)
        return answer
    }
}
