internal import AccountKit
internal import DoormanCore
internal import DoormanSupport
internal import FuzzKit
internal import ProviderHTTP

/// One call, and what must hold of its result, whatever the provider answered.
struct Inquiry: Sendable {
    let verifier: AccountKitVerifier
    let circumstances: Circumstances
    let provider: InputTransport

    private let deadline = Deadline(Instant(nanoseconds: 2_000_000_000))

    init(verifier: AccountKitVerifier, circumstances: Circumstances, provider: InputTransport) {
        self.verifier = verifier
        self.circumstances = circumstances
        self.provider = provider
    }

    func verify() async {
        do throws(VerificationError) {
            let request = VerificationRequest(token: Circumstances.token, applicationID: circumstances.requestedApplicationID)
            switch try await verifier.verify(request, deadline: deadline) {
            case .valid(let identity): check(identity, in: provider.answered.last)
            case .rejected(let rejection): check(rejection)
            }
        } catch {
            check(error)
        }
    }

    func exchange() async {
        do throws(VerificationError) {
            let request = ExchangeRequest(code: Circumstances.code, applicationID: circumstances.requestedApplicationID)
            switch try await verifier.exchange(request, deadline: deadline) {
            case .issued(let token, let identity):
                let issued = Rereading(provider.answered.first)
                require(issued.status == 200 && !issued.has("error"), "only a good answer issues a token")
                require(issued.strings("access_token").map { Token($0) } == [token], "the token is the one that was issued")
                guard let identity else { return }
                check(identity, in: provider.answered.last)
                require(issued.strings("id") == [identity.accountID], "both answers name one account")
            case .rejected(let rejection): check(rejection)
            }
        } catch {
            check(error)
        }
    }

    func revoke(_ subject: RevocationRequest.Subject) async {
        do throws(VerificationError) {
            let request = RevocationRequest(subject, applicationID: circumstances.requestedApplicationID)
            try await verifier.revoke(request, deadline: deadline)
            let answer = Rereading(provider.answered.last)
            if answer.status == 200, !answer.has("error") {
                require(answer.literals("success") == ["true"], "what was not done is not said to be")
            } else {
                guard case .token = subject else { return require(false, "what was refused is not done") }
                require(["190", "102"].contains(answer.literals("error", "code").first), "only an unknown token is void already")
            }
        } catch {
            check(error)
        }
    }

    func delete() async {
        do throws(VerificationError) {
            let request = AccountDeletionRequest(
                accountID: "1011166682335378", applicationID: circumstances.requestedApplicationID)
            try await verifier.deleteAccount(request, deadline: deadline)
            let answer = Rereading(provider.answered.last)
            require(answer.status == 200 && !answer.has("error"), "what was refused is not done")
            require(answer.literals("success") == ["true"], "what was not done is not said to be")
        } catch {
            check(error)
        }
    }

    func list() async {
        do throws(VerificationError) {
            let request = AccountListRequest(
                applicationID: circumstances.requestedApplicationID, pageSize: Circumstances.pageSize,
                after: circumstances.begins ? nil : Circumstances.cursor)
            let page = try await verifier.accounts(request, deadline: deadline)
            let answer = Rereading(provider.answered.last)
            require(answer.status == 200 && !answer.has("error"), "only a good answer has accounts")
            require(page.accounts.count <= Circumstances.pageSize, "a page has no more than was asked for")
            require(answer.strings("data", "*", "id") == page.accounts.map(\.id), "the accounts are those of the answer")
            require(page.accounts.allSatisfy { isNumber($0.id) }, "an account's id is decimal digits")
            require(page.next.map(PageCursor.isPossible) ?? true, "the next page is asked for with a cursor")
            require(page.next == nil || page.next != request.after, "no page leads to itself")
        } catch {
            check(error)
        }
    }

    // MARK: - What must hold

    /// An identity is what the answer says, read by somebody else, and the answer is about our application.
    private func check(_ identity: Identity, in response: HTTPResponse?) {
        let answer = Rereading(response)
        require(answer.status == 200 && !answer.has("error"), "only a good answer makes a token valid")
        require(answer.strings("id") == [identity.accountID], "the account is the answer's")
        require(isNumber(identity.accountID), "an account's id is decimal digits")
        if identity.applicationID.isEmpty {
            require(circumstances.acceptsAnswersWithoutApplication, "an answer without an application is no pass")
            require(circumstances.hasSecret, "without an application the proof must guard")
            require(circumstances.requestedApplicationID == nil, "who asks about an application is told of that one")
            require(!answer.has("application") || answer.literals("application") == ["null"], "there is no application to compare")
        } else {
            require(identity.applicationID == Circumstances.applicationID, "the application is ours")
            require(answer.strings("application", "id") == [identity.applicationID], "the application is the answer's")
        }
        require((identity.phone == nil) != (identity.email == nil), "an account has a phone or an e-mail address")
        require(identity.phone.map { answer.strings("phone", "number") == [$0.number] } ?? true, "the phone is the answer's")
        require(identity.email.map { answer.strings("email", "address") == [$0] } ?? true, "the e-mail address is the answer's")
    }

    /// An outage is no refusal.
    private func check(_ rejection: Rejection) {
        checkWords(rejection.message)
        guard let response = provider.answered.last else {
            return require(rejection.reason == .wrongApplication, "who was not asked refused nothing")
        }
        let answer = Rereading(response)
        require(answer.status == 200 || (400..<500).contains(answer.status), "a server that fails refuses nothing")
        require(answer.status != 429, "who throttles refuses nothing")
        require(answer.literals("error", "is_transient") != ["true"], "what is transient refuses nothing")
        if answer.status != 200 { require(answer.has("error"), "who refuses says so") }
    }

    private func check(_ error: VerificationError) {
        checkWords(error.message)
        require(error.code != .internal, "no answer is a bug of ours")
        require(error.retryAfter.map { (.zero ... .seconds(3600)).contains($0) } ?? true, "nobody waits longer than an hour")
    }

    private func checkWords(_ message: String) {
        require(!Circumstances.secrets.contains { message.contains($0) }, "no message holds a secret")
    }

    private func isNumber(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy { ("0"..."9").contains($0) }
    }
}
