internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// Checks applications' credentials, to tell a wrong secret from a token of another application.
///
/// The provider rejects the proof in both cases. After a rejected proof, a check finds a credential that works. If the provider rejects
/// the proof of that credential, too, then the token belongs to another application.
final class CredentialCheck: Sendable {
    /// Receives the outcome of a check if it differs from the one before: `nil` if a credential works, otherwise the error. Called on
    /// any thread; must not block.
    typealias Observer = @Sendable (_ applicationID: String, _ failure: VerificationError?) -> Void

    /// The minimum time between two checks of an application that calls cause. Callers can cause checks with tokens of other
    /// applications, and each check counts towards the provider's rate limit.
    static let interval = Duration.seconds(5)

    private struct Outcome: Sendable {
        let began: Instant
        let workingCredential: Result<ApplicationRoute.Credential, VerificationError>
    }

    private let timeSource: TimeSource
    private let timeout: Duration
    private let observer: Observer
    private let checks: SingleFlight<String, Outcome>

    /// - Parameters:
    ///   - timeout: The maximum time of a check, and of the wait for its beginning.
    ///   - applicationCount: The number of applications, which bounds the checks in flight.
    init(timeSource: TimeSource, timeout: Duration, applicationCount: Int, observer: @escaping Observer) {
        self.timeSource = timeSource
        self.timeout = timeout
        self.observer = observer
        // Each waiter is a lookup of the cache, whose number is limited there.
        checks = SingleFlight(
            maximumInFlightLookups: applicationCount, maximumWaitersPerLookup: .max, timeSource: timeSource)
    }

    /// Begins a check that no call waits for, unless one is in flight.
    func start(_ route: ApplicationRoute) {
        _ = checks.start(for: route.applicationID) { () async throws(VerificationError) in await self.check(route) }
    }

    /// Begins a check because of a call that does not wait for it, as soon as ``interval`` allows it, unless one is in flight.
    func startIfDue(_ route: ApplicationRoute) {
        _ = checks.start(for: route.applicationID) { () async throws(VerificationError) in try await self.checkWhenDue(route) }
    }

    /// Returns a credential that works, after the provider rejected the proofs of all of them. Waits for a check that begins after
    /// that.
    ///
    /// - Parameter moment: The time when the last proof was rejected.
    /// - Throws: ``VerificationError`` if no check shows that a credential works.
    func workingCredential(
        of route: ApplicationRoute, after moment: Instant, deadline: Deadline
    ) async throws(VerificationError) -> ApplicationRoute.Credential {
        while true {
            let outcome = try await checks.value(for: route.applicationID, deadline: deadline) {
                () async throws(VerificationError) in
                try await self.checkWhenDue(route)
            }
            guard outcome.began >= moment else { continue }
            guard case .success(let credential) = outcome.workingCredential else { throw .secretRejected }
            return credential
        }
    }

    /// Waits for a check if the last one has shown that the provider's verdicts can't be believed. All calls share the check, and there is at
    /// most one in ``interval``.
    ///
    /// - Throws: `.providerMisconfigured` unless the check succeeds.
    func confirmVerdicts(of route: ApplicationRoute, deadline: Deadline) async throws(VerificationError) {
        guard route.isDistrusted else { return }
        do throws(VerificationError) {
            let now = timeSource.now()
            let isDue = route.standing.withLockedValue { $0.nextCheck.map { $0 <= now } ?? true }
            guard isDue || checks.isInFlight(route.applicationID) else { throw .verdictsDistrusted }
            _ = try await checks.value(for: route.applicationID, deadline: deadline) { () async throws(VerificationError) in
                try await self.checkIfDue(route)
            }
        } catch {
            // Another call's check may have succeeded in the meantime.
            guard !route.isDistrusted else { throw error }
        }
        guard !route.isDistrusted else { throw .verdictsDistrusted }
    }

    /// Checks if ``interval`` allows it now.
    private func checkIfDue(_ route: ApplicationRoute) async throws(VerificationError) -> Outcome {
        let isDue = route.standing.withLockedValue { [now = timeSource.now()] standing in
            if let next = standing.nextCheck, now < next { return false }
            standing.nextCheck = now.advanced(by: Self.interval)
            return true
        }
        guard isDue else { throw .verdictsDistrusted }
        return await check(route)
    }

    /// Checks as soon as ``interval`` allows it.
    ///
    /// - Throws: If the interval ends too late, `.providerBusy`, or `.providerMisconfigured` if the last check failed.
    private func checkWhenDue(_ route: ApplicationRoute) async throws(VerificationError) -> Outcome {
        let now = timeSource.now()
        let due = route.standing.withLockedValue { $0.nextCheck } ?? now
        guard due < now.advanced(by: timeout) else {
            let hasFailed = route.standing.withLockedValue { $0.lastCheckSucceeded == false }
            throw hasFailed ? .secretRejected : .checkedRecently(retryAfter: now.duration(to: due))
        }
        while timeSource.now() < due { await timeSource.sleep(due) }
        route.standing.withLockedValue { [now = timeSource.now()] in $0.nextCheck = now.advanced(by: Self.interval) }
        return await check(route)
    }

    /// Tries the credentials of an application in order until one works.
    private func check(_ route: ApplicationRoute) async -> Outcome {
        let began = timeSource.now()
        let result = await firstWorkingCredential(of: route, deadline: Deadline(began.advanced(by: timeout)))
        var failure: VerificationError?
        if case .failure(let error) = result { failure = error }
        if route.standing.withLockedValue({ $0.recordCheck(failure) }) {
            observer(route.applicationID, failure)
        }
        return Outcome(began: began, workingCredential: result)
    }

    private func firstWorkingCredential(
        of route: ApplicationRoute, deadline: Deadline
    ) async -> Result<ApplicationRoute.Credential, VerificationError> {
        var failure: VerificationError?
        for credential in route.credentialsInOrder {
            do throws(VerificationError) {
                try await credential.provider.checkCredential(deadline: deadline)
                credential.markWorking()
                return .success(credential)
            } catch {
                // The other credentials are those of the same endpoint, whose verdicts can't be believed.
                if error.scope == .verdicts { return .failure(error) }
                // An error of another scope, such as a time-out, says nothing about the other credentials.
                guard error.scope == .credential else { return .failure(failure ?? error) }
                failure = failure ?? error
            }
        }
        return .failure(failure ?? .noCredential)
    }
}

extension VerificationError {
    static let secretRejected = VerificationError(
        .providerMisconfigured,
        "The provider rejected the proof, and the application's credential could not be confirmed: check the app id and the app secret.",
        scope: .credential, request: .responded)
    /// The token was valid for this application before, so the secret must be wrong.
    static let secretStoppedWorking = VerificationError(
        .providerMisconfigured,
        "The provider rejected the proof of a token that was valid for this application before: check the app secret.",
        scope: .credential, request: .responded)

    /// A server that calls every token active would let everyone in.
    static let verdictsDistrusted = VerificationError(
        .providerMisconfigured,
        "The provider called a random token active, so its verdicts are not believed: check the introspection endpoint.",
        scope: .verdicts, request: .responded)

    fileprivate static func checkedRecently(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .providerBusy, "The provider rejected the proof, and the application's credential was checked less than 5 s ago.",
            retryAfter: retryAfter, scope: .credential, request: .responded)
    }
}
