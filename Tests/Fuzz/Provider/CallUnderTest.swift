internal import AccountKit
internal import DoormanCore
internal import DoormanSupport
internal import FuzzKit
internal import ProviderHTTP

/// A call of the verifier, and the rules for its result with any response of the provider.
struct CallUnderTest: Sendable {
    let verifier: AccountKitVerifier
    let parameters: CallParameters
    let provider: InputTransport

    private let deadline = Deadline(Instant(nanoseconds: 2_000_000_000))

    init(verifier: AccountKitVerifier, parameters: CallParameters, provider: InputTransport) {
        self.verifier = verifier
        self.parameters = parameters
        self.provider = provider
    }

    func verify() async {
        do throws(VerificationError) {
            let request = VerificationRequest(token: CallParameters.token, applicationID: parameters.requestedApplicationID)
            switch try await verifier.verify(request, deadline: deadline) {
            case .valid(let identity): check(identity, in: provider.responses.last)
            case .rejected(let rejection): check(rejection)
            case .forbidden: require(false, "no provider judges what a call requires")
            }
        } catch {
            check(error)
        }
    }

    func exchange() async {
        do throws(VerificationError) {
            let request = ExchangeRequest(code: CallParameters.code, applicationID: parameters.requestedApplicationID)
            switch try await verifier.exchange(request, deadline: deadline) {
            case .issued(let token, let identity):
                let issued = Rereading(provider.responses.first)
                require(issued.status == 200 && !issued.has("error"), "only a successful response issues a token")
                require(issued.strings("access_token").map { Token($0) } == [token], "the token is the issued token")
                guard let identity else { return }
                check(identity, in: provider.responses.last)
                require(issued.strings("id") == [identity.accountID], "both responses name the same account")
            case .rejected(let rejection): check(rejection)
            }
        } catch {
            check(error)
        }
    }

    func revoke(_ subject: RevocationRequest.Subject) async {
        do throws(VerificationError) {
            let request = RevocationRequest(subject, applicationID: parameters.requestedApplicationID)
            _ = try await verifier.revoke(request, deadline: deadline)
            let response = Rereading(provider.responses.last)
            if response.status == 200, !response.has("error") {
                require(response.literals("success") == ["true"], "a success was confirmed")
            } else {
                guard case .token = subject else { return require(false, "a rejected request is no success") }
                require(
                    ["190", "102"].contains(response.literals("error", "code").first), "only an unknown token counts as revoked")
            }
        } catch {
            check(error)
        }
    }

    func delete() async {
        do throws(VerificationError) {
            let request = AccountDeletionRequest(
                accountID: "1011166682335378", applicationID: parameters.requestedApplicationID)
            try await verifier.deleteAccount(request, deadline: deadline)
            let response = Rereading(provider.responses.last)
            require(response.status == 200 && !response.has("error"), "a rejected request is no success")
            require(response.literals("success") == ["true"], "a success was confirmed")
        } catch {
            check(error)
        }
    }

    func list() async {
        do throws(VerificationError) {
            let request = AccountListRequest(
                applicationID: parameters.requestedApplicationID, pageSize: CallParameters.pageSize,
                after: parameters.isFirstPage ? nil : CallParameters.cursor)
            let page = try await verifier.accounts(request, deadline: deadline)
            let response = Rereading(provider.responses.last)
            require(response.status == 200 && !response.has("error"), "only a successful response has accounts")
            require(page.accounts.count <= CallParameters.pageSize, "a page is within the requested size")
            require(response.strings("data", "*", "id") == page.accounts.map(\.id), "the accounts are the response's")
            require(page.accounts.allSatisfy { isNumber($0.id) }, "an account's id is decimal digits")
            require(page.next.map(PageCursor.isPossible) ?? true, "the next page has a valid cursor")
            require(page.next == nil || page.next != request.after, "no page is its own next page")
        } catch {
            check(error)
        }
    }

    // MARK: - Rules

    /// Checks an identity against a second decoding of the response, which must be about our application.
    private func check(_ identity: Identity, in response: HTTPResponse?) {
        let response = Rereading(response)
        require(response.status == 200 && !response.has("error"), "only a successful response makes a token valid")
        require(response.strings("id") == [identity.accountID], "the account is the response's")
        require(isNumber(identity.accountID), "an account's id is decimal digits")
        require(identity.applicationID == CallParameters.applicationID, "the application is ours")
        if !response.has("application") || response.literals("application") == ["null"] {
            require(parameters.acceptsAnswersWithoutApplication, "a response without an application is not accepted")
            require(parameters.hasSecret, "a response without an application needs a proof")
        } else {
            require(response.strings("application", "id") == [identity.applicationID], "the application is the response's")
        }
        require((identity.phone == nil) != (identity.email == nil), "an account has a phone or an e-mail address")
        require(identity.phone.map { response.strings("phone", "number") == [$0.number] } ?? true, "the phone is the response's")
        require(identity.email.map { response.strings("email", "address") == [$0] } ?? true, "the e-mail address is the response's")
    }

    /// Checks a rejection: an outage is no rejection.
    private func check(_ rejection: Rejection) {
        checkMessage(rejection.message)
        guard let last = provider.responses.last else {
            return require(rejection.reason == .wrongApplication, "without a response there is no rejection by the provider")
        }
        let response = Rereading(last)
        require(response.status == 200 || (400..<500).contains(response.status), "a server error is no rejection")
        require(response.status != 429, "throttling is no rejection")
        if response.has("error") {
            let code = response.literals("error", "code").first ?? ""
            require(["190", "102", "1", "100"].contains(code), "a rejection has a code of the contract")
        }
        require(response.literals("error", "is_transient") != ["true"], "a transient error is no rejection")
        if response.status != 200 { require(response.has("error"), "a rejection has an error body") }
    }

    private func check(_ error: VerificationError) {
        checkMessage(error.message)
        require(error.code != .internal, "no response causes an internal error")
        require(error.retryAfter.map { (.zero ... .seconds(3600)).contains($0) } ?? true, "retryAfter is at most an hour")
    }

    private func checkMessage(_ message: String) {
        require(!CallParameters.secrets.contains { message.contains($0) }, "no message contains a secret")
    }

    private func isNumber(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy { ("0"..."9").contains($0) }
    }
}
