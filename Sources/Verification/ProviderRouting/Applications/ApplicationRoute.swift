internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The credentials of one application, and the number of the credential that worked last.
struct ApplicationRoute: Sendable {
    /// A credential of the application. Reports from calls decide which credential the next call uses first.
    struct Credential: Sendable {
        let provider: any TokenProvider
        let number: Int
        fileprivate let count: Int
        fileprivate let preferredNumber: NIOLockedValueBox<Int>

        /// Reports that Account Kit accepted the credential. Later calls use it first.
        func markWorking() {
            preferredNumber.withLockedValue { $0 = number }
        }

        /// Reports that Account Kit may have rejected the credential. Later calls use the next credential first, unless another has
        /// worked in the meantime.
        func markSuspect() {
            preferredNumber.withLockedValue { if $0 == number { $0 = (number + 1) % count } }
        }
    }

    let applicationID: String
    private let credentials: [Credential]
    /// The lock is never held across a call.
    private let preferredNumber: NIOLockedValueBox<Int>

    init(_ application: ApplicationRouter.Application) {
        precondition(!application.credentials.isEmpty, "an application has a credential")
        precondition(application.credentials.indices.contains(application.preferred), "the preferred credential exists")
        let box = NIOLockedValueBox(application.preferred)
        let count = application.credentials.count
        applicationID = application.id
        preferredNumber = box
        credentials = application.credentials.enumerated().map { number, provider in
            Credential(provider: provider, number: number, count: count, preferredNumber: box)
        }
    }

    /// The credential to use first.
    var preferred: Credential { credentials[preferredNumber.withLockedValue { $0 }] }

    /// All credentials, the preferred credential first.
    var credentialsInOrder: [Credential] {
        let first = preferred
        return [first] + credentials.filter { $0.number != first.number }
    }

    /// Makes a call with one credential after another until one is accepted. Only for calls that are safe to repeat.
    ///
    /// - Throws: The first error of a credential if none is accepted; any other error at once.
    func tryCredentials<Value>(
        _ call: (any TokenProvider) async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        var failure: VerificationError?
        for credential in credentialsInOrder {
            do throws(VerificationError) {
                let value = try await call(credential.provider)
                credential.markWorking()
                return value
            } catch {
                guard error.scope == .credential else { throw error }
                failure = failure ?? error
            }
        }
        throw failure ?? .noCredential
    }
}
