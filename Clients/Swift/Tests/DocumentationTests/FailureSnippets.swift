import DoormanClient
import Testing

// What the articles of DoormanClient and the README quote. Tests/StyleTests hold that they quote it word for word.

/// What a user is shown.
private enum Page: Equatable {
    case account(String)
    case logIn
    case tryAgain(in: Duration)
}

private func page(for token: Token, doorman: any TokenVerifying) async -> Page {
    do {
        return .account(try await doorman.verify(token).accountID)
    } catch {
        switch error.kind {
        case .rejected: return .logIn
        case .unavailable: return .tryAgain(in: error.retryAfter ?? .seconds(1))
        }
    }
}

private func answer(_ token: Token) async {
    let client = DoormanClient(target: .hostAndPort("127.0.0.1", 7117))
    do {
        let identity = try await client.verify(token)
        print("200: \(identity.accountID) of app \(identity.applicationID)")
    } catch {
        // A refusal is a verdict. Everything else says nothing about the token: never log a user out for it.
        print(error.rejection != nil ? "401: log in again" : "503: try again: \(error)")
    }
}

private func answerStatus(_ error: DoormanError) -> Int {
    error.rejection != nil ? 401 : 503
}

private func logIn(with code: AuthorizationCode, client: DoormanClient) async throws(DoormanError) -> Token {
    do {
        return try await client.exchange(code).token
    } catch {
        // Refused, or perhaps spent: have the app ask for a new code.
        guard error.isRetryable else { throw error }
        return try await client.exchange(code).token
    }
}

@Suite("The failures that the articles show")
struct FailureSnippets {
    @Test("a refusal is a log-in, an outage is not")
    func pages() {
        #expect(answerStatus(DoormanError(.tokenRejected, "")) == 401)
        #expect(answerStatus(DoormanError(.unreachable, "", isRetryable: true)) == 503)
    }
}
