internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The credentials of one application, and what the provider's responses have shown about them.
struct ApplicationRoute: Sendable {
    /// A credential of the application. Reports from calls decide which credential the next call uses first.
    struct Credential: Sendable {
        let provider: any TokenProvider
        let number: Int
        fileprivate let count: Int
        fileprivate let standing: NIOLockedValueBox<Standing>
        /// Called when a call succeeds after the last check of the application's credentials failed.
        fileprivate let onRecovery: @Sendable () -> Void

        /// Reports that the provider accepted the credential. Later calls use it first.
        func markWorking() {
            let hasRecovered = standing.withLockedValue { standing in
                standing.preferred = number
                standing.rejectedCredentials.remove(number)
                return standing.recordUse()
            }
            if hasRecovered { onRecovery() }
        }

        /// Reports that the provider may have rejected the credential. Later calls use the next credential first, unless another has
        /// worked in the meantime.
        func markSuspect() {
            standing.withLockedValue { if $0.preferred == number { $0.preferred = (number + 1) % count } }
        }

        /// Reports the error of a call, which may say that the provider rejects the credential.
        func recordFailure(_ error: VerificationError) {
            guard error.code == .providerMisconfigured, error.scope == .credential, error.request == .responded else { return }
            standing.withLockedValue { _ = $0.rejectedCredentials.insert(number) }
        }
    }

    /// What is known about the credentials of an application.
    struct Standing: Sendable {
        /// The number of the credential to use first.
        var preferred: Int
        /// The time from which the next ``CredentialCheck`` may begin; `nil` before the first.
        var nextCheck: Instant?
        /// The numbers of the credentials that the provider has rejected in calls, and not accepted since.
        var rejectedCredentials: Set<Int> = []
        /// Whether a check has shown that the provider's verdicts can't be believed, and none has succeeded since.
        private(set) var isDistrusted: Bool
        private var lastCheck: CheckOutcome?

        private enum CheckOutcome: Sendable {
            case succeeded
            /// The provider responded, and accepted no credential.
            case rejected
            /// The provider gave no response, which says nothing about the credential.
            case unanswered
            /// The provider accepted the credential, and called a random text a valid token.
            case distrusted
        }

        init(preferred: Int, lastCheck: ApplicationRouter.CheckResult?) {
            self.preferred = preferred
            isDistrusted = lastCheck == .distrusted
            self.lastCheck =
                switch lastCheck {
                case .succeeded: .succeeded
                case .failed: .rejected
                case .distrusted: .distrusted
                case nil: nil
                }
        }

        /// Whether the last check found a credential that works, or a call has shown it since; `nil` before the first.
        var lastCheckSucceeded: Bool? { lastCheck.map { $0 == .succeeded } }

        /// What another router has to know of the checks; `nil` before the first.
        var checkResult: ApplicationRouter.CheckResult? {
            lastCheck.map { isDistrusted ? .distrusted : $0 == .succeeded ? .succeeded : .failed }
        }

        /// Records the outcome of a check.
        ///
        /// - Parameter failure: `nil` if a credential works.
        /// - Returns: Whether it differs from the outcome before. The first check of an application is expected to succeed.
        mutating func recordCheck(_ failure: VerificationError?) -> Bool {
            let outcome = Self.outcome(failure)
            defer { lastCheck = outcome }
            // A check without a response leaves open what the one before it has shown.
            if outcome == .succeeded { isDistrusted = false } else if outcome == .distrusted { isDistrusted = true }
            return outcome != lastCheck ?? .succeeded
        }

        /// Records that a call has shown that a credential works. It does not show that the provider's verdicts can be believed.
        ///
        /// - Returns: Whether the last check had failed.
        mutating func recordUse() -> Bool {
            guard lastCheckSucceeded == false, !isDistrusted else { return false }
            lastCheck = .succeeded
            return true
        }

        private static func outcome(_ failure: VerificationError?) -> CheckOutcome {
            guard let failure else { return .succeeded }
            if failure.scope == .verdicts { return .distrusted }
            return failure.request == .responded ? .rejected : .unanswered
        }
    }

    /// The name of the provider.
    let provider: String
    let applicationID: String
    let lookupPermits: LookupPermits?
    private let credentials: [Credential]
    /// The lock is never held across a call.
    let standing: NIOLockedValueBox<Standing>

    /// - Parameter onRecovery: Called when a credential works after the last check failed. Called on any thread; must not block.
    init(_ application: ApplicationRouter.Application, onRecovery: @escaping @Sendable () -> Void) {
        precondition(!application.credentials.isEmpty, "an application has a credential")
        precondition(application.credentials.indices.contains(application.preferred), "the preferred credential exists")
        let standing = NIOLockedValueBox(
            Standing(preferred: application.preferred, lastCheck: application.lastCheck))
        let count = application.credentials.count
        provider = application.provider
        applicationID = application.id
        lookupPermits = application.lookupPermits
        self.standing = standing
        credentials = application.credentials.enumerated().map { number, provider in
            Credential(provider: provider, number: number, count: count, standing: standing, onRecovery: onRecovery)
        }
    }

    /// Whether the provider's verdicts can't be believed until a check succeeds.
    var isDistrusted: Bool { standing.withLockedValue { $0.isDistrusted } }

    /// Whether calls have shown that the provider rejects each credential.
    var isRejected: Bool { standing.withLockedValue { $0.rejectedCredentials.count == credentials.count } }

    /// The credential to use first.
    var preferred: Credential { credentials[standing.withLockedValue { $0.preferred }] }

    /// All credentials, the preferred credential first.
    var credentialsInOrder: [Credential] {
        let first = preferred
        return [first] + credentials.filter { $0.number != first.number }
    }

    /// Makes a call with one credential after another until one is accepted. Only for calls that are safe to repeat.
    ///
    /// - Parameter charge: The caller pays here for each provider request after the first.
    /// - Throws: The first error of a credential if none is accepted; any other error at once.
    func tryCredentials<Value>(
        charging charge: RequestCharge, _ call: (any TokenProvider) async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        var requests = charge
        var failure: VerificationError?
        for credential in credentialsInOrder {
            do throws(VerificationError) {
                let value = try await call(credential.provider)
                requests.record()
                credential.markWorking()
                return value
            } catch {
                requests.record(error)
                credential.recordFailure(error)
                guard error.scope == .credential else { throw error }
                failure = failure ?? error
            }
        }
        throw failure ?? .noCredential
    }
}
