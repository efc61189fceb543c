internal import AccountKit
internal import CallerLimits
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire

/// The dependencies behind the server, put together: caching around routing around governing around Account Kit around curl; one
/// governor for each application, one asker for each of its secrets, so that every call to the provider is governed.
struct Dependencies {
    let time: TimeSource
    let transport: CurlTransport
    let askers: ProviderPool
    let missBudgets: CacheMissLimiter<Caller>
    let verifier: CachingVerifier
    let backend: AuthBackend
    let reloads = ReloadCounters()

    /// - Throws: What makes one of the dependencies impossible: settings that can't be meant, a secret that can't be read, a machine
    ///   without random bytes.
    init(_ settings: DoormandSettings, time: TimeSource = .system) throws {
        let applications = try settings.applications()
        let transport = try CurlTransport(settings.transportSettings(governors: applications.count))
        self.time = time
        self.transport = transport
        var governorSettings = settings.governor
        // A question that hangs must be able to count against the provider, however short its time is.
        governorSettings.slowCall = min(governorSettings.slowCall, settings.cache.flightTimeout / 2)
        let askers = try ProviderPool(applications, governor: governorSettings, transport: transport, time: time)
        self.askers = askers
        var cache = settings.cache
        cache.defaultApplicationID = applications.count == 1 ? applications[0].id : nil
        let verifier = try CachingVerifier(
            upstream: askers.provider, settings: cache, providerName: AccountKitVerifier.providerName, timeSource: time,
            pack: { EncodedResponse(bytes: ResponseEncoder.encode($0)) })
        self.verifier = verifier
        let missBudgets = CacheMissLimiter<Caller>(settings: settings.missBudgets)
        self.missBudgets = missBudgets
        let statistics = StatisticsSource(
            verifier: verifier, transport: transport, askers: askers, governor: governorSettings, capacity: settings.capacity,
            reloads: reloads)
        backend = AuthBackend(
            provider: verifier, timeSource: time,
            takeMiss: { caller, granted, now in missBudgets.take(caller, granted: granted, at: now) },
            isBeingAsked: { token in verifier.isBeingAsked(about: token) },
            statistics: statistics.read,
            staleReplyFromMemory: { token, applicationID, maxAgeSeconds, now, hasShare, reply in
                // A share that is used up is no outage: whoever floods us must not have revoked tokens live longer for it.
                let isTrouble = askers.governedApplications.allSatisfy {
                    $0.governor.isRefusing || (!hasShare && $0.governor.isRecovering)
                }
                guard isTrouble else { return false }
                return verifier.staleReply(
                    token: token, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &reply)
            },
            keyOfToken: { token in verifier.key(ofToken: token) }
        ) { token, key, applicationID, maxAgeSeconds, now, reply in
            verifier.reply(
                token: token, key: key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &reply)
        }
    }
}
