internal import AccountKit
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanWire

/// The rooms behind the server, put together: caching around routing around governing around Account Kit around curl. The last
/// three once for each secret of each application, so that every call to the provider is governed.
struct Rooms {
    /// What governs the asking as one application.
    struct Governors: Sendable {
        let applicationID: String
        let ofCredentials: [GovernedVerifier]
    }

    let transport: CurlTransport
    let governors: [Governors]
    let verifier: CachingVerifier
    let backend: AuthBackend

    /// - Throws: What makes one of the rooms impossible: settings that can't be meant, a secret that can't be read, a machine
    ///   without random bytes.
    init(_ settings: DoormandSettings, time: TimeSource = .system) throws {
        let applications = try settings.applications()
        let transport = try CurlTransport(settings.transportSettings(governors: applications.map(\.credentials.count).reduce(0, +)))
        self.transport = transport
        governors = try applications.map { application in
            let governed = try application.credentials.map { credential in
                let accountKit = try AccountKitVerifier(
                    credential, transport: transport, time: time, observer: ProviderMetrics().record)
                return GovernedVerifier(upstream: accountKit, settings: settings.governor, timeSource: time)
            }
            return Governors(applicationID: application.id, ofCredentials: governed)
        }
        let router = ApplicationRouter(governors.map { .init(id: $0.applicationID, credentials: $0.ofCredentials) })
        var cache = settings.cache
        cache.defaultApplicationID = applications.count == 1 ? applications[0].id : nil
        let verifier = try CachingVerifier(
            upstream: router, settings: cache, providerName: AccountKitVerifier.providerName, timeSource: time,
            pack: { PackedReply(bytes: ResponseEncoder.encode($0)) })
        self.verifier = verifier
        backend = AuthBackend(provider: verifier, timeSource: time) { token, applicationID, maxAgeSeconds, now in
            verifier.reply(token: token, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now)?.bytes
        }
    }
}
