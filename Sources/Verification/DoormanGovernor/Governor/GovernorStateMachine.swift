internal import DoormanCore
internal import DoormanSupport

/// Decides whether and when a provider request may begin, without a clock, a lock or a task of its own.
///
/// A call requests a permit under a ticket. It gets a permit or an error at once, or waits. Each event that may resolve waiting
/// calls returns their resolutions. An invalid event (a permit finished twice, a ticket used twice) is a bug of ours, and traps.
struct GovernorStateMachine: Sendable {
    /// The result of a call that waited.
    struct Resolution: Sendable, Hashable {
        let ticket: UInt64
        let result: Result<Permit, VerificationError>
    }

    /// The response to a request for a permit.
    enum Decision: Sendable, Hashable {
        case immediate(Result<Permit, VerificationError>)
        case waits
    }

    private struct Waiter: Sendable {
        /// The latest start at which the provider's response can arrive before the call's deadline.
        let latestStart: Deadline
        let purpose: CallPurpose
    }

    private let settings: GovernorSettings
    private var inFlightCalls = 0
    private var demandQueue = WaitQueue<Waiter>()
    private var refreshQueue = WaitQueue<Waiter>()
    private var lastServed = CallPurpose.refresh
    private var deadlines = DeadlineQueue()
    private var rateLimit: RateLimiter
    private var backOff: BackOff
    private var circuitBreaker: CircuitBreaker
    private var retryBudget: RetryBudget
    /// The moving average of the provider's latency.
    private var smoothedLatency: Duration = .zero
    private var retrySchedule = RetrySchedule()
    var failedTokens = FailedTokens()
    private var random: SplitMix64

    /// - Parameter seed: The seed of the jitter.
    init(settings: GovernorSettings, seed: UInt64) {
        self.settings = settings
        random = SplitMix64(seed: seed)
        rateLimit = RateLimiter(callsPerSecond: settings.callsPerSecond, burst: settings.callsBurst)
        backOff = BackOff(settings: settings)
        circuitBreaker = CircuitBreaker(settings: settings)
        retryBudget = RetryBudget(settings: settings)
    }

    private var slots: Int { max(1, settings.concurrentCalls) }
    private var waiting: Int { demandQueue.count + refreshQueue.count }

    // MARK: - Events

    /// Requests a permit for a call.
    ///
    /// - Parameter ticket: A number that was never used before.
    mutating func requestPermit(_ ticket: UInt64, _ purpose: CallPurpose, deadline: Deadline, now: Instant) -> Decision {
        guard !deadline.hasPassed(at: now) else { return .immediate(.failure(.outOfTime)) }
        if let blockage = blockage(at: now) { return .immediate(.failure(error(of: blockage, for: purpose, at: now))) }
        if waiting == 0, let permit = permit(at: now) { return .immediate(.success(permit)) }
        guard waiting < settings.maximumWaiting else {
            return .immediate(
                .failure(.tooManyWaiters(retryAfter: retryTime(for: purpose, notBefore: Self.unknownTurn(at: now), at: now))))
        }
        // The earliest start if all calls ahead of it take a permit of the rate limit.
        let ahead = callsAhead(of: purpose)
        let earliest = rateLimit.nextFree(after: ahead, at: now)
        let waiter = Waiter(latestStart: latestStart(for: deadline, now: now), purpose: purpose)
        guard !waiter.latestStart.hasPassed(at: earliest) else {
            return .immediate(.failure(.rateLimitExceeded(retryAfter: retryTime(for: purpose, notBefore: earliest, at: now))))
        }
        // A call with no call ahead waits in any case: its response shows whether the provider has become faster.
        let freeSlot = estimatedFreeSlot(after: ahead, at: now)
        guard ahead == 0 || !waiter.latestStart.hasPassed(at: freeSlot) else {
            return .immediate(.failure(.tooManyAhead(retryAfter: retryTime(for: purpose, notBefore: freeSlot, at: now))))
        }
        switch purpose {
        case .demand: demandQueue.append(waiter, ticket: ticket)
        case .refresh: refreshQueue.append(waiter, ticket: ticket)
        }
        deadlines.insert(ticket, deadline: waiter.latestStart)
        return .waits
    }

    /// Removes a call that waits.
    ///
    /// - Returns: Whether it was waiting.
    mutating func cancel(_ ticket: UInt64) -> Bool {
        deadlines.remove(ticket)
        return demandQueue.remove(ticket: ticket) != nil || refreshQueue.remove(ticket: ticket) != nil
    }

    /// Takes back the permit of a call that has ended.
    mutating func finish(_ permit: Permit, _ result: CallResult, now: Instant) -> [Resolution] {
        precondition(inFlightCalls > 0, "a permit was finished twice")
        inFlightCalls -= 1
        return record(result, of: permit, now: now) + resolveWaiters(at: now)
    }

    /// Takes back the permit of a call that has ended, and grants a permit for a retry in the same slot.
    ///
    /// A retry needs a failed call, no back-off, a closed circuit breaker, enough time, a retry budget and a free rate limit.
    ///
    /// - Parameter deadline: The deadline of the retry; `nil` if the call must not be retried.
    mutating func retry(
        _ permit: Permit, after result: CallResult, deadline: Deadline?, now: Instant
    ) -> (retryPermit: Permit?, [Resolution]) {
        var resolutions = record(result, of: permit, now: now)
        if case .failed = result, let deadline, blockage(at: now) == nil,
            deadline.remaining(at: now) >= settings.minimumRetryTime, retryBudget.allowsRetry, rateLimit.take(at: now)
        {
            retryBudget.charge()
            circuitBreaker.begin()
            return (Permit(began: now, epoch: circuitBreaker.epoch), resolutions)
        }
        inFlightCalls -= 1
        resolutions += resolveWaiters(at: now)
        return (nil, resolutions)
    }

    /// Pauses requests if the provider reports that our allowance is nearly used up.
    mutating func noteUsage(percent: Int, now: Instant) -> [Resolution] {
        guard percent >= settings.usageLimit, backOff.remaining(at: now) == nil else { return [] }
        backOff.pause(at: now)
        return failWaiters(at: now)
    }

    /// Charges requests to the rate limit that were sent without a permit.
    mutating func noteRepeats(_ count: Int, now: Instant) {
        rateLimit.charge(count, at: now)
    }

    /// Fails the calls whose latest start has passed, and resolves the calls that may begin.
    mutating func timePassed(now: Instant) -> [Resolution] {
        let late = deadlines.passed(at: now).filter { cancel($0) }
        return late.map { Resolution(ticket: $0, result: .failure(waitedTooLong(at: now))) } + resolveWaiters(at: now)
    }

    /// Returns the time after which a call that the provider throttled may come back; `nil` without a back-off.
    mutating func retryTimeAfterBackOff(now: Instant) -> Duration? {
        guard let remaining = backOff.remaining(at: now) else { return nil }
        return retryTime(notBefore: now.advanced(by: remaining), at: now)
    }

    /// Returns the time of the next call of ``timePassed(now:)``; `nil` if an early enough call is arranged. Needed after each
    /// event.
    mutating func nextWakeUp(now: Instant) -> Instant? {
        let canAdmit = waiting > 0 && inFlightCalls < slots
        return deadlines.nextWakeUp(or: canAdmit ? rateLimit.nextFree(at: now) : .distantFuture)
    }

    func isBlocking(at now: Instant) -> Bool {
        backOff.remaining(at: now) != nil || circuitBreaker.isBlocking(at: now)
    }

    /// Returns whether an outage or throttling ended less than the recovery time ago.
    func isRecovering(at now: Instant) -> Bool {
        [circuitBreaker.closedAt, backOff.lastEnd].contains { moment in
            moment.map { now < $0.advanced(by: settings.circuitBreaker.recoveryTime) } ?? false
        }
    }

    func statistics(at now: Instant) -> GovernorStatistics {
        GovernorStatistics(
            freeSlots: slots - inFlightCalls, waiting: waiting, backOff: backOff.remaining(at: now),
            circuitBreaker: circuitBreaker.state(at: now), openings: circuitBreaker.totalOpenings,
            ratePermits: rateLimit.available(at: now), retryPermits: retryBudget.permits)
    }

    // MARK: - Decisions

    /// What blocks all calls, and for how long.
    private enum Blockage {
        case backOff(Duration)
        case circuitBreaker(Duration)
    }

    /// Returns what blocks all calls; `nil` if nothing does.
    private mutating func blockage(at now: Instant) -> Blockage? {
        if let remaining = backOff.remaining(at: now) { return .backOff(remaining) }
        return circuitBreaker.waitTime(at: now).map { .circuitBreaker($0) }
    }

    /// Takes a slot and a permit of the rate limit, if both are free. Only valid if ``blockage(at:)`` is `nil`.
    private mutating func permit(at now: Instant) -> Permit? {
        guard inFlightCalls < slots, rateLimit.take(at: now) else { return nil }
        inFlightCalls += 1
        circuitBreaker.begin()
        retryBudget.add()
        return Permit(began: now, epoch: circuitBreaker.epoch)
    }

    /// Returns the latest time at which a call may begin. A call with less time than the provider usually takes would waste a
    /// permit of the rate limit on a late response, and so would all calls behind it. A call may always wait for half of its time.
    private func latestStart(for deadline: Deadline, now: Instant) -> Deadline {
        let needed = min(max(smoothedLatency, settings.minimumRetryTime), deadline.remaining(at: now) / 2)
        return Deadline(deadline.instant.advanced(by: .zero - needed))
    }

    private mutating func record(_ result: CallResult, of permit: Permit, now: Instant) -> [Resolution] {
        switch result {
        case .responded:
            if let token = permit.token { failedTokens.forget(token) }
            smoothedLatency += (permit.began.duration(to: now) - smoothedLatency) / 8
            circuitBreaker.succeeded(epoch: permit.epoch, token: permit.token, at: now)
            backOff.succeeded(callBegan: permit.began)
        case .inconclusive:
            circuitBreaker.inconclusive(epoch: permit.epoch)
        case .throttled(let retryAfter):
            circuitBreaker.succeeded(epoch: permit.epoch, token: permit.token, at: now)
            backOff.begin(at: now, callBegan: permit.began, retryAfter: retryAfter)
            return failWaiters(at: now)
        case .failed:
            if circuitBreaker.failed(epoch: permit.epoch, token: permit.token, at: now) { return failWaiters(at: now) }
        }
        return []
    }

    /// Gives a permit to each call that may begin now, and an error to each call that is too late.
    private mutating func resolveWaiters(at now: Instant) -> [Resolution] {
        var resolutions: [Resolution] = []
        while waiting > 0 {
            if blockage(at: now) != nil { return resolutions + failWaiters(at: now) }
            guard inFlightCalls < slots, rateLimit.nextFree(at: now) <= now, let (ticket, waiter) = popNext() else { break }
            if waiter.latestStart.hasPassed(at: now) {
                resolutions.append(Resolution(ticket: ticket, result: .failure(waitedTooLong(at: now))))
            } else if let permit = permit(at: now) {
                resolutions.append(Resolution(ticket: ticket, result: .success(permit)))
            }
        }
        return resolutions
    }

    /// Removes the next call, from both queues in turn.
    private mutating func popNext() -> (UInt64, Waiter)? {
        let servesRefresh = refreshQueue.count > 0 && (lastServed == .demand || demandQueue.count == 0)
        lastServed = servesRefresh ? .refresh : .demand
        guard let (ticket, waiter) = servesRefresh ? refreshQueue.popFirst() : demandQueue.popFirst() else { return nil }
        deadlines.remove(ticket)
        return (ticket, waiter)
    }

    /// Fails all waiting calls if calls are blocked. Waiting on would end in the same error.
    private mutating func failWaiters(at now: Instant) -> [Resolution] {
        guard waiting > 0, let blockage = blockage(at: now) else { return [] }
        var resolutions: [Resolution] = []
        while let (ticket, waiter) = popNext() {
            let error = error(of: blockage, for: waiter.purpose, at: now)
            resolutions.append(Resolution(ticket: ticket, result: .failure(error)))
        }
        return resolutions
    }
}

// When a refused call is told to come back.
extension GovernorStateMachine {
    /// Returns the number of waiting calls that are served before another call for the purpose. Both queues are served in turn.
    private func callsAhead(of purpose: CallPurpose) -> Int {
        let (own, other) =
            switch purpose {
            case .demand: (demandQueue.count, refreshQueue.count)
            case .refresh: (refreshQueue.count, demandQueue.count)
            }
        return own + min(other, own + 1)
    }

    /// Returns the time at which a slot is free for one more call, if calls take as long as they usually do.
    ///
    /// - Parameter ahead: The number of calls that take a slot first.
    private func estimatedFreeSlot(after ahead: Int, at now: Instant) -> Instant {
        let ending = inFlightCalls + ahead + 1 - slots
        return ending > 0 ? now.advanced(by: smoothedLatency * ending / slots) : now
    }

    /// Returns the minimum retry time where an estimate is missing or was wrong.
    private static func unknownTurn(at now: Instant) -> Instant { now.advanced(by: RetryHint.minimumDelay) }

    /// Returns the time after which a refused call may come back. Each call is told another time, after the calls that wait and the calls
    /// that were told before. A refresh has no caller that would come back, so it takes no place among them.
    private mutating func retryTime(
        for purpose: CallPurpose = .demand, notBefore earliest: Instant, at now: Instant
    ) -> Duration {
        if purpose == .refresh { return now.duration(to: earliest) }
        let ahead = waiting + retrySchedule.outstanding(at: now)
        let turn = max(rateLimit.nextFree(after: ahead, at: now), estimatedFreeSlot(after: ahead, at: now))
        let time = retrySchedule.add(earliest: earliest, turn: turn, interval: interval, using: &random)
        let wait = now.duration(to: time)
        guard settings.retryJitter > 0 else { return wait }
        return wait + max(interval, wait * settings.retryJitter) * Double.random(in: 0..<1, using: &random)
    }

    /// The time between the beginnings of two calls when all permits are in use.
    private var interval: Duration {
        max(.nanoseconds(1_000_000_000 / max(1, settings.callsPerSecond)), smoothedLatency / slots)
    }

    private mutating func error(of blockage: Blockage, for purpose: CallPurpose, at now: Instant) -> VerificationError {
        switch blockage {
        case .backOff(let remaining):
            .throttled(retryAfter: retryTime(for: purpose, notBefore: now.advanced(by: remaining), at: now))
        case .circuitBreaker(let remaining):
            .circuitBreakerOpen(retryAfter: retryTime(for: purpose, notBefore: now.advanced(by: remaining), at: now))
        }
    }

    private mutating func waitedTooLong(at now: Instant) -> VerificationError {
        .tooManyAhead(retryAfter: retryTime(notBefore: Self.unknownTurn(at: now), at: now))
    }
}

extension VerificationError {
    fileprivate static let outOfTime = VerificationError(
        .deadlineExceeded, "The deadline passed before a provider request could begin.")

    fileprivate static func tooManyAhead(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .providerBusy,
            "Too many calls are ahead of this call (provider.max-concurrent-calls, provider.max-calls-per-second).",
            retryAfter: retryAfter, limit: "provider.max-concurrent-calls or provider.max-calls-per-second")
    }

    fileprivate static func tooManyWaiters(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .providerBusy, "Too many calls wait for the provider (provider.max-waiting-calls).", retryAfter: retryAfter,
            limit: "provider.max-waiting-calls")
    }

    fileprivate static func rateLimitExceeded(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .providerBusy, "The rate limit for provider requests is exceeded (provider.max-calls-per-second).",
            retryAfter: retryAfter, limit: "provider.max-calls-per-second")
    }

    fileprivate static func throttled(retryAfter: Duration) -> VerificationError {
        VerificationError(.providerBusy, "Rate limited by the provider; backing off.", retryAfter: retryAfter)
    }

    fileprivate static func circuitBreakerOpen(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .providerUnavailable, "The circuit breaker is open after consecutive failures of the provider.", retryAfter: retryAfter)
    }
}
