internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanSupport
internal import Logging
internal import ServiceLifecycle

/// Looks at the server once a second, and logs the beginning and the end of each state that an operator must know.
///
/// A line for each event would flood the log in an outage. Looking costs the calls nothing.
actor StateMonitor: Service {
    /// The time between two looks.
    static let interval = Duration.seconds(1)

    private let server: DoormanServer
    private let dependencies: Dependencies
    private let logger: Logger
    private var applications: [ApplicationStates]
    private var stale = LoggedState(quietTime: .seconds(10))
    private var evictions = LoggedState(quietTime: .seconds(60))
    private var callers: [CallerEvent: LoggedState] = [:]
    private var failures = FailureStates()
    private var fleet: FleetStates?
    private var cache = CacheStatistics()

    init(server: DoormanServer, dependencies: Dependencies, logger: Logger) {
        self.server = server
        self.dependencies = dependencies
        self.logger = logger
        applications = dependencies.providers.governedProviders.map(ApplicationStates.init)
        fleet = dependencies.fleetNode.map { FleetStates(bound: $0.revocationBound, store: $0.storeSettings) }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.interval)) != nil { await self.look() }
        }
        // The events of the last second.
        await look()
        try? await gracefulShutdown()
    }

    /// Logs the states that have begun or ended since the last look.
    func look() async {
        let events = await server.takeEvents()
        let now = dependencies.time.now()
        followReload()
        for index in applications.indices { applications[index].look(logger, at: now) }
        lookAtCache(now)
        lookAtCallers(events.callers, now)
        failures.look(events.failures, logger, at: now)
        if let node = dependencies.fleetNode { fleet?.look(node.fleet.statistics, logger, at: now) }
    }

    /// Keeps the states of the providers that a reload has kept, and begins those of new ones.
    private func followReload() {
        let providers = dependencies.providers.governedProviders
        guard !providers.elementsEqual(applications, by: { $0.governor === $1.application.governor }) else { return }
        applications = providers.map { provider in
            applications.first { $0.application.governor === provider.governor } ?? ApplicationStates(provider)
        }
    }

    private func lookAtCache(_ now: Instant) {
        let before = cache
        cache = dependencies.verifier.statistics
        // A stale entry may be served rarely, and then the state lasts as long as the outage.
        let lasts = stale.isActive && applications.contains { $0.isUnavailable }
        Self.staleServing.log(stale.record(cache.stale &- before.stale, persists: lasts, at: now), to: logger)
        let valid = cache.valid.evictions &- before.valid.evictions
        let negative = cache.negative.evictions &- before.negative.evictions
        let fullest = valid > 0 ? cache.valid.fullest("cache.max-") : cache.negative.fullest("cache.max-negative-")
        Self.eviction.log(evictions.record(valid &+ negative, at: now), beginning: ["setting": "\(fullest)"], to: logger)
    }

    private static let staleServing = StateLines(
        level: .warning, began: "serving stale entries, because the provider gives no verdict",
        ended: "no longer serving stale entries", events: "hits")
    private static let eviction = StateLines(
        level: .warning, began: "the cache is full: entries are evicted before their TTL ends",
        ended: "the cache no longer evicts entries", events: "entries")

    // MARK: - Callers

    /// The maximum number of callers' states. The events of further callers are counted as those of "others".
    private static let maximumCallerStates = 256

    private func lookAtCallers(_ events: CallerEvents, _ now: Instant) {
        var counts: [CallerEvent: UInt64] = [:]
        for (event, count) in events.counts {
            let isKnown = callers[event] != nil || counts[event] != nil
            let hasRoom = callers.count + counts.count < Self.maximumCallerStates
            counts[
                isKnown || hasRoom || event.caller == nil ? event : CallerEvent(caller: "others", kind: event.kind), default: 0] &+=
                count
        }
        for event in Set(callers.keys).union(counts.keys).sorted(by: { "\($0)" < "\($1)" }) {
            var state = callers[event] ?? LoggedState(quietTime: event.quietTime)
            let change = state.record(counts[event] ?? 0, at: now)
            callers[event] = state.isActive ? state : nil
            event.lines.log(change, metadata: event.metadata, to: logger)
        }
    }
}

extension CallerEvent {
    fileprivate var quietTime: Duration {
        switch kind {
        case .limitExceeded: .seconds(10)
        case .notAllowed, .unknownProfile, .withheldHeader: .seconds(60)
        }
    }

    fileprivate var lines: StateLines {
        switch kind {
        case .limitExceeded where caller == nil:
            StateLines(
                level: .warning, began: "a limit of the server is exceeded", ended: "the limit of the server is no longer exceeded",
                events: "calls")
        case .limitExceeded:
            StateLines(
                level: .warning, began: "a caller exceeds its limit", ended: "the caller no longer exceeds its limit",
                events: "calls")
        case .notAllowed:
            StateLines(
                level: .warning, began: "a caller makes calls that it is not allowed to make",
                ended: "the caller no longer makes calls that it is not allowed to make", events: "calls")
        case .unknownProfile:
            StateLines(
                level: .warning, began: "a gateway names a profile that http.profiles-file does not define",
                ended: "no gateway names the unknown profile any more", events: "calls")
        case .withheldHeader:
            StateLines(
                level: .warning, began: "an identity has a value with a control byte: its header is sent empty",
                ended: "identities no longer have values with control bytes", events: "calls")
        }
    }

    fileprivate var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        if let caller { metadata["caller"] = "\(caller)" }
        switch kind {
        case .limitExceeded(let setting): metadata["limit"] = "\(setting)"
        case .notAllowed(let action):
            metadata["action"] = "\(action)"
            metadata["audit"] = "call_not_allowed"
        case .unknownProfile: break
        case .withheldHeader(let name): metadata["header"] = "\(name)"
        }
        return metadata
    }
}

extension CacheStatistics.Segment {
    /// Returns the setting of the bound that is nearly reached.
    ///
    /// - Parameter prefix: The beginning of the setting's key.
    fileprivate func fullest(_ prefix: String) -> String {
        let (entries, bytes) = (Double(entries) / Double(max(1, maximumEntries)), Double(bytes) / Double(max(1, maximumBytes)))
        return prefix + (entries >= bytes ? "entries" : "bytes")
    }
}

/// The states of the provider for one application.
private struct ApplicationStates {
    let application: ProviderPool.GovernedProvider
    private var before = ProviderHealth.Counts()
    private var openings: UInt64 = 0
    /// Whether the last request before the last look failed, and no other had succeeded since the look before.
    private var wasFailing = false
    /// A provider that fails in one second and works in the next one is unavailable all the time.
    private var unavailable = LoggedState(quietTime: .seconds(5))
    /// Whether most requests have succeeded again since the provider became unavailable.
    private var hasRecovered = false
    private var throttled = LoggedState(quietTime: .seconds(5))
    private var circuitBreaker = LoggedState(quietTime: .zero)
    private var misconfigured = LoggedState(quietTime: .seconds(10))
    /// Whether a request has succeeded since the last one that the provider rejected for our settings.
    private var hasSucceeded = false
    private var unexpected = LoggedState(quietTime: .seconds(60))
    private var exceeding = LoggedState(quietTime: .seconds(60))

    init(_ application: ProviderPool.GovernedProvider) {
        self.application = application
    }

    var isUnavailable: Bool { unavailable.isActive }

    mutating func look(_ logger: Logger, at now: Instant) {
        let counts = application.health.current
        let governor = application.governor.statistics
        defer { before = counts }
        log(availability(counts, at: now), counts.causeOfFailure, Self.availability, logger)
        let newThrottled = counts.throttled &- before.throttled
        log(
            throttled.record(newThrottled, persists: governor.backOff != nil, at: now),
            newThrottled == 0 ? "the provider reports that provider.usage-limit is reached" : nil, Self.throttling, logger)
        let newOpenings = governor.openings &- openings
        openings = governor.openings
        log(
            circuitBreaker.record(newOpenings, persists: governor.circuitBreaker.isStopping, at: now), nil,
            Self.circuitBreaking, logger)
        let newMisconfigured = counts.misconfigured &- before.misconfigured
        hasSucceeded = newMisconfigured == 0 && (hasSucceeded || counts.successes != before.successes)
        // Without a request, nothing shows that the provider accepts the settings.
        log(
            misconfigured.record(newMisconfigured, persists: misconfigured.isActive && !hasSucceeded, at: now),
            counts.causeOfMisconfiguration, Self.misconfiguration, logger)
        log(unexpected.record(counts.unexpected &- before.unexpected, at: now), counts.causeOfUnexpected, Self.oddness, logger)
        log(exceeding.record(counts.exceedingTokens &- before.exceedingTokens, at: now), counts.exceededLimit, Self.excess, logger)
    }

    /// The provider is unavailable once most requests fail, be it the only one for a second. It is available again five seconds after most
    /// succeed, unless most fail meanwhile.
    private mutating func availability(_ counts: ProviderHealth.Counts, at now: Instant) -> LoggedState.Change? {
        let failures = counts.failures &- before.failures
        let successes = counts.successes &- before.successes
        defer { wasFailing = counts.hasFailedLast && successes == 0 }
        if unavailable.isActive {
            if successes > failures, !counts.hasFailedLast {
                hasRecovered = true
            } else if failures >= max(1, successes) {
                hasRecovered = false
            }
            return unavailable.record(hasRecovered ? 0 : failures, persists: !hasRecovered, at: now)
        }
        guard failures > successes && failures > 1 || wasFailing && counts.hasFailedLast && successes == 0 else { return nil }
        hasRecovered = false
        return unavailable.record(max(failures, 1), at: now)
    }
}

extension ApplicationStates {
    private static let availability = StateLines(
        level: .warning, began: "the provider is unavailable: calls that need it fail, or get stale entries",
        ended: "the provider is available again", events: "failed_requests")
    private static let throttling = StateLines(
        level: .warning, began: "the provider rate limits this application: backing off",
        ended: "the provider no longer rate limits this application", events: "throttled_requests")
    private static let circuitBreaking = StateLines(
        level: .error, began: "the circuit breaker is open: only probes are sent to the provider",
        ended: "the circuit breaker is closed: requests are sent to the provider again", events: "openings")
    private static let misconfiguration = StateLines(
        level: .error, began: "the provider rejects the application's credential or settings",
        ended: "the provider no longer rejects the application's credential or settings", events: "rejected_requests")
    private static let oddness = StateLines(
        level: .warning, began: "the provider sends responses that fit no contract",
        ended: "the provider no longer sends responses that fit no contract", events: "responses")
    private static let excess = StateLines(
        level: .error, began: "good tokens exceed a limit of identities: they are unavailable",
        ended: "good tokens no longer exceed a limit of identities", events: "calls")

    private func log(_ change: LoggedState.Change?, _ cause: String?, _ lines: StateLines, _ logger: Logger) {
        lines.log(
            change, metadata: ["provider": "\(application.name)", "application": "\(application.applicationID)"],
            beginning: cause.map { ["cause": "\($0)"] } ?? [:], to: logger)
    }
}

extension CircuitBreaker.State {
    fileprivate var isStopping: Bool {
        switch self {
        case .closed: false
        case .open, .halfOpen: true
        }
    }
}
