internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The way to one application: its credentials, and which of them worked last.
struct ApplicationRoute: Sendable {
    /// One of the credentials. What becomes of a call with it is told here, so that the next call knows.
    struct Credential: Sendable {
        let provider: any TokenProvider
        let number: Int
        fileprivate let count: Int
        fileprivate let lastThatWorked: NIOLockedValueBox<Int>

        /// Account Kit took it: it is used first from now on.
        func hasWorked() {
            lastThatWorked.withLockedValue { $0 = number }
        }

        /// Account Kit may have refused it: the next one is used first from now on, unless another one has worked meanwhile.
        func mayBeWrong() {
            lastThatWorked.withLockedValue { if $0 == number { $0 = (number + 1) % count } }
        }
    }

    let applicationID: String
    private let credentials: [Credential]
    /// Never held across a call.
    private let lastThatWorked: NIOLockedValueBox<Int>

    init(_ application: ApplicationRouter.Application) {
        precondition(!application.credentials.isEmpty, "an application is asked as with something")
        precondition(application.credentials.indices.contains(application.preferred), "the preferred one is one of them")
        let box = NIOLockedValueBox(application.preferred)
        let count = application.credentials.count
        applicationID = application.id
        lastThatWorked = box
        credentials = application.credentials.enumerated().map { number, provider in
            Credential(provider: provider, number: number, count: count, lastThatWorked: box)
        }
    }

    /// The one that worked last.
    var preferred: Credential { credentials[lastThatWorked.withLockedValue { $0 }] }

    /// All of them, the one that worked last first.
    var credentialsInOrder: [Credential] {
        let first = preferred
        return [first] + credentials.filter { $0.number != first.number }
    }

    /// Asks what is safe to repeat and only this application may ask, with one credential after the other until one is not refused.
    func ask<Answer>(
        _ call: (any TokenProvider) async throws(VerificationError) -> Answer
    ) async throws(VerificationError) -> Answer {
        var failure: VerificationError?
        for credential in credentialsInOrder {
            do throws(VerificationError) {
                let answer = try await call(credential.provider)
                credential.hasWorked()
                return answer
            } catch {
                guard error.scope == .credential else { throw error }
                failure = failure ?? error
            }
        }
        throw failure ?? .noCredential
    }
}
