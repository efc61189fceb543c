import DoormanClient
import Testing

// Snippets of the articles and READMEs. Tests/StyleTests compare them word for word.

/// The page that a user sees.
private enum Page: Equatable {
    case account(String)
    case logIn
    case notAllowed
    case tryAgain(in: Duration)
}

private func page(for token: Token, doorman: any TokenVerifying) async -> Page {
    do {
        return .account(try await doorman.verify(token).accountID)
    } catch {
        switch error.kind {
        case .rejected: return .logIn
        case .forbidden: return .notAllowed
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
        // A rejection is a verdict. Every other error says nothing about the token: never log a user out for it.
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
        // The code is rejected or may be used up: have the app request a new code.
        guard error.isRetryable else { throw error }
        return try await client.exchange(code).token
    }
}

@Suite("Failures in the articles")
struct FailureSnippets {
    @Test("only a rejection logs a user out")
    func pages() {
        #expect(answerStatus(DoormanError(.tokenRejected, "")) == 401)
        #expect(answerStatus(DoormanError(.unreachable, "", isRetryable: true)) == 503)
    }
}
