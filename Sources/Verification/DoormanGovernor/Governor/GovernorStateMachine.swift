internal import DoormanCore
internal import DoormanSupport

/// Whether and when the provider may be asked, decided without a clock, a lock or a task of its own.
///
/// Calls arrive with a ticket and are let through at once, refused at once, or wait. Each event that may let waiting ones go
/// returns what became of them. An invalid event (a permit finished twice, a ticket used twice) is a bug of ours and traps.
struct GovernorStateMachine: Sendable {
    /// What became of a call that waited.
    struct Resolution: Sendable, Hashable {
        let ticket: UInt64
        let result: Result<Permit, VerificationError>
    }

    enum Arrival: Sendable, Hashable {
        case resolved(Result<Permit, VerificationError>)
        case waits
    }

    private struct Waiter: Sendable {
        /// When it is too late to begin: what the provider is then asked would not be answered before the deadline.
        let latestStart: Deadline
    }

    private let settings: GovernorSettings
    private var callsUnderWay = 0
    private var demands = WaitQueue<Waiter>()
    private var refreshes = WaitQueue<Waiter>()
    private var lastServed = CallPurpose.refresh
    private var deadlines = DeadlineQueue()
    private var rateLimit: RateLimiter
    private var backOff: BackOff
    private var breaker: CircuitBreaker
    private var retryBudget: RetryBudget
    /// Moving average of the provider's latency.
    private var smoothedLatency: Duration = .zero

    init(settings: GovernorSettings) {
        self.settings = settings
        rateLimit = RateLimiter(callsPerSecond: settings.callsPerSecond, burst: settings.callsBurst)
        backOff = BackOff(settings: settings)
        breaker = CircuitBreaker(settings: settings)
        retryBudget = RetryBudget(settings: settings)
    }

    private var slots: Int { max(1, settings.concurrentCalls) }
    private var waiting: Int { demands.count + refreshes.count }

    // MARK: - Events

    /// A call wants to be made.
    ///
    /// - Parameter ticket: One that was never used before.
    mutating func arrive(_ ticket: UInt64, _ purpose: CallPurpose, deadline: Deadline, now: Instant) -> Arrival {
        guard !deadline.hasPassed(at: now) else { return .resolved(.failure(.outOfTime)) }
        if let error = refusal(at: now) { return .resolved(.failure(error)) }
        if waiting == 0, let permit = permit(at: now) { return .resolved(.success(permit)) }
        guard waiting < settings.maximumWaiting else { return .resolved(.failure(.tooManyWait)) }
        // Sooner than the rate allows it won't go, whatever the calls before it come to.
        let earliest = rateLimit.nextFree(after: waiting, at: now)
        let waiter = Waiter(latestStart: latestStart(for: deadline, now: now))
        guard !waiter.latestStart.hasPassed(at: earliest) else {
            return .resolved(.failure(.budgetSpent(retryAfter: now.duration(to: earliest))))
        }
        switch purpose {
        case .demand: demands.append(waiter, ticket: ticket)
        case .refresh: refreshes.append(waiter, ticket: ticket)
        }
        deadlines.insert(ticket, deadline: waiter.latestStart)
        return .waits
    }

    /// A call that waits has no use for its turn any more.
    ///
    /// - Returns: Whether it did wait.
    mutating func leave(_ ticket: UInt64) -> Bool {
        deadlines.remove(ticket)
        return demands.remove(ticket: ticket) != nil || refreshes.remove(ticket: ticket) != nil
    }

    /// A call is over.
    mutating func finish(_ permit: Permit, _ result: CallResult, now: Instant) -> [Resolution] {
        precondition(callsUnderWay > 0, "a permit is given back once")
        callsUnderWay -= 1
        return note(result, of: permit, now: now) + admit(at: now)
    }

    /// A call failed, and wants to be made a second time in the same slot: if the provider is not in trouble, time is left, and
    /// both budgets allow. The first permit is finished by this either way; the slot only if there is no second.
    ///
    /// - Parameter deadline: Nil if there must be no second try.
    mutating func retry(
        _ permit: Permit, after result: CallResult, deadline: Deadline?, now: Instant
    ) -> (second: Permit?, [Resolution]) {
        var resolutions = note(result, of: permit, now: now)
        if case .failed = result, let deadline, refusal(at: now) == nil,
            deadline.remaining(at: now) >= settings.minimumRetryTime, retryBudget.hasOne, rateLimit.take(at: now)
        {
            retryBudget.spend()
            breaker.begin()
            return (Permit(began: now, epoch: breaker.epoch), resolutions)
        }
        callsUnderWay -= 1
        resolutions += admit(at: now)
        return (nil, resolutions)
    }

    /// The provider said how much of our allowance is used up.
    mutating func noteUsage(percent: Int, now: Instant) -> [Resolution] {
        guard percent >= settings.usageLimit, backOff.remaining(at: now) == nil else { return [] }
        backOff.pause(at: now)
        return refuseAll(at: now)
    }

    mutating func timePassed(now: Instant) -> [Resolution] {
        let late = deadlines.passed(at: now).filter { leave($0) }
        return late.map { Resolution(ticket: $0, result: .failure(.waitedInVain)) } + admit(at: now)
    }

    /// When ``timePassed(now:)`` is to be called; nil if that is arranged already. To be asked after each event.
    mutating func nextWakeUp(now: Instant) -> Instant? {
        let mayGo = waiting > 0 && callsUnderWay < slots
        return deadlines.nextWakeUp(or: mayGo ? rateLimit.nextFree(at: now) : .distantFuture)
    }

    func isRefusing(at now: Instant) -> Bool {
        backOff.remaining(at: now) != nil || breaker.isRefusing(at: now)
    }

    /// Whether the provider has been down or throttled us until a short while ago.
    func isRecovering(at now: Instant) -> Bool {
        [breaker.closedAt, backOff.lastEnd].contains { moment in
            moment.map { now < $0.advanced(by: settings.circuitBreaker.recoveryTime) } ?? false
        }
    }

    func statistics(at now: Instant) -> GovernorStatistics {
        GovernorStatistics(
            freeSlots: slots - callsUnderWay, waiting: waiting, backOff: backOff.remaining(at: now),
            circuitBreaker: breaker.state(at: now)
        )
    }

    // MARK: - Decisions

    /// Why nobody may ask now, if that is so.
    private mutating func refusal(at now: Instant) -> VerificationError? {
        if let remaining = backOff.remaining(at: now) { return .throttled(for: remaining) }
        return breaker.refusal(at: now).map { .breakerOpen(for: $0) }
    }

    /// A slot and a share of the rate, if both can be had. Only if ``refusal(at:)`` is nil.
    private mutating func permit(at now: Instant) -> Permit? {
        guard callsUnderWay < slots, rateLimit.take(at: now) else { return nil }
        callsUnderWay += 1
        breaker.begin()
        retryBudget.earn()
        return Permit(began: now, epoch: breaker.epoch)
    }

    /// A call that begins with less time than the provider usually takes would spend its share of the rate on an answer that comes
    /// too late, and so would all behind it. Half of its time is for waiting in any case.
    private func latestStart(for deadline: Deadline, now: Instant) -> Deadline {
        let needed = min(max(smoothedLatency, settings.minimumRetryTime), deadline.remaining(at: now) / 2)
        return Deadline(deadline.instant.advanced(by: .zero - needed))
    }

    private mutating func note(_ result: CallResult, of permit: Permit, now: Instant) -> [Resolution] {
        switch result {
        case .answered:
            smoothedLatency += (permit.began.duration(to: now) - smoothedLatency) / 8
            breaker.succeeded(epoch: permit.epoch, at: now)
            backOff.succeeded(callBegan: permit.began)
        case .inconclusive:
            breaker.inconclusive(epoch: permit.epoch)
        case .throttled(let retryAfter):
            breaker.succeeded(epoch: permit.epoch, at: now)
            backOff.begin(at: now, callBegan: permit.began, retryAfter: retryAfter)
            return refuseAll(at: now)
        case .failed:
            if breaker.failed(epoch: permit.epoch, at: now) { return refuseAll(at: now) }
        }
        return []
    }

    /// Lets those go whose turn it is.
    private mutating func admit(at now: Instant) -> [Resolution] {
        var resolutions: [Resolution] = []
        while waiting > 0 {
            if refusal(at: now) != nil { return resolutions + refuseAll(at: now) }
            guard callsUnderWay < slots, rateLimit.nextFree(at: now) <= now, let (ticket, waiter) = next() else { break }
            if waiter.latestStart.hasPassed(at: now) {
                resolutions.append(Resolution(ticket: ticket, result: .failure(.waitedInVain)))
            } else if let permit = permit(at: now) {
                resolutions.append(Resolution(ticket: ticket, result: .success(permit)))
            }
        }
        return resolutions
    }

    /// Takes the next one out, from both queues in turn.
    private mutating func next() -> (UInt64, Waiter)? {
        let isRefreshsTurn = refreshes.count > 0 && (lastServed == .demand || demands.count == 0)
        lastServed = isRefreshsTurn ? .refresh : .demand
        guard let (ticket, waiter) = isRefreshsTurn ? refreshes.popFirst() : demands.popFirst() else { return nil }
        deadlines.remove(ticket)
        return (ticket, waiter)
    }

    /// Sends everybody away, since nobody may ask for a while. They would only wait for the same refusal.
    private mutating func refuseAll(at now: Instant) -> [Resolution] {
        guard waiting > 0, let error = refusal(at: now) else { return [] }
        var resolutions: [Resolution] = []
        while let (ticket, _) = next() { resolutions.append(Resolution(ticket: ticket, result: .failure(error))) }
        return resolutions
    }
}

extension VerificationError {
    fileprivate static let outOfTime = VerificationError(
        .deadlineExceeded, "The deadline passed before the provider could be asked.")
    fileprivate static let waitedInVain = VerificationError(
        .providerBusy,
        "Too many others are asking the provider (provider.max-concurrent-calls, provider.max-calls-per-second).",
        retryAfter: .milliseconds(100))
    fileprivate static let tooManyWait = VerificationError(
        .providerBusy, "Too many calls wait for the provider (provider.max-waiting-calls).", retryAfter: .milliseconds(100))

    fileprivate static func budgetSpent(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .providerBusy, "This second's calls to the provider are spent (provider.max-calls-per-second).", retryAfter: retryAfter)
    }

    fileprivate static func throttled(for remaining: Duration) -> VerificationError {
        VerificationError(.providerBusy, "The provider throttles us; nobody asks it for a while.", retryAfter: remaining)
    }

    fileprivate static func breakerOpen(for remaining: Duration) -> VerificationError {
        VerificationError(
            .providerUnavailable, "The provider failed again and again; nobody asks it for a while.", retryAfter: remaining)
    }
}
