internal import AccountKit
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanWire

/// The rooms behind the server, put together: caching around governing around Account Kit around curl.
struct Rooms {
    let transport: CurlTransport
    let governor: Governor
    let verifier: CachingVerifier
    let backend: AuthBackend

    /// - Throws: What makes one of the rooms impossible: settings that can't be meant, a secret that can't be read, a machine
    ///   without random bytes.
    init(_ settings: DoormandSettings, time: TimeSource = .system) throws {
        transport = try CurlTransport(settings.transportSettings())
        let accountKit = try AccountKitVerifier(
            settings.accountKitSettings(), transport: transport, time: time, observer: ProviderMetrics().record)
        governor = Governor(settings: settings.governor, timeSource: time)
        let governed = GovernedVerifier(upstream: accountKit, governor: governor)
        var cache = settings.cache
        cache.defaultApplicationID = settings.applicationID
        let verifier = try CachingVerifier(
            upstream: governed, settings: cache, providerName: AccountKitVerifier.providerName, timeSource: time,
            pack: { PackedReply(bytes: ResponseEncoder.encode($0)) })
        self.verifier = verifier
        backend = AuthBackend(provider: verifier, timeSource: time) { token, applicationID, maxAgeSeconds, now in
            verifier.reply(token: token, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now)?.bytes
        }
    }
}
