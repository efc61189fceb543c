internal import DoormanCache
internal import DoormanCrypto
internal import DoormanFleet
internal import DoormanSupport
internal import DoormanWire
internal import Logging
internal import NIOConcurrencyHelpers
internal import RedisStore
internal import ServiceLifecycle

/// This server as a node of its fleet.
struct FleetNode: Sendable {
    /// What a reload replaces.
    fileprivate struct Replaceable {
        var secretIDs: [SecretID]
        var credentials: RedisCredentials
    }

    let store: RedisStore
    let fleet: Fleet
    let revocationBound: Duration
    let storeSettings: RedisStoreSettings
    private let tag: String
    /// The secrets of the start, which this process's cache keys are made with.
    private let keySecrets: FleetSecrets
    private let replaceable: NIOLockedValueBox<Replaceable>

    /// - Parameter fingerprint: Returns what an identity depends on in the configuration of the provider of this name.
    /// - Throws: The error of the random number generator.
    init(
        _ configured: ConfiguredFleet, time: TimeSource, fingerprint: @escaping @Sendable (_ provider: String) -> [UInt8]
    ) throws {
        store = RedisStore(configured.store, credentials: configured.credentials)
        fleet = Fleet(
            store: store, secrets: configured.secrets,
            node: NodeID(bytes: try RandomBytes.generate(count: NodeID.byteCount)), settings: configured.settings,
            timeSource: time, fingerprint: fingerprint)
        revocationBound = configured.settings.revocationBound
        storeSettings = configured.store
        tag = configured.tag
        keySecrets = configured.secrets
        replaceable = NIOLockedValueBox(
            Replaceable(secretIDs: configured.secrets.ids, credentials: configured.credentials))
    }

    /// The secrets of the cache keys, which all nodes have.
    var cacheRandomness: CacheRandomness {
        let secrets = keySecrets.cacheKeySecrets.map(\.secret)
        return CacheRandomness(secret: secrets.first, previousSecrets: Array(secrets.dropFirst()))
    }
}

/// Follows the fleet's log as long as the server serves. At the end it announces to the other nodes that it leaves.
struct FleetFollower: Service {
    let node: FleetNode
    let cache: CachingVerifier
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown { await node.fleet.run(applyingTo: cache) }
        let lost = node.fleet.statistics.waitingRevocations
        if lost > 0 {
            logger.error("the fleet's store never received revocations of this server", metadata: ["revocations": "\(lost)"])
        }
        await node.store.shutDown()
    }
}

// MARK: - Reload

extension FleetNode {
    fileprivate static let authorityKey = "fleet.ca-file"
    private static let keys = Replaceable.settings.map(\.key)

    /// Replaces the fleet's secrets and the credentials of the store, for later messages and sessions. A change between a file and the
    /// system's authorities needs a restart.
    var component: ReloadableComponent {
        ReloadableComponent(
            keys: Self.keys, files: { [$0.fleet.secretFile, $0.fleet.passwordFile, $0.fleet.caFile] }
        ) { settings throws(ConfigurationError) in try prepare(settings) }
    }

    private func prepare(_ settings: DoormandSettings) throws(ConfigurationError) -> ReloadableComponent.Step {
        var settings = settings
        // Another tag needs a restart. Until then the secrets go with this one.
        settings.fleet.tag = tag
        // Leaving the fleet needs a restart, too.
        guard let new = try settings.configuredFleet() else { return ReloadableComponent.Step(needRestart: Self.keys) {} }
        guard new.secrets.ids.contains(keySecrets.currentID) else { throw ConfigurationError(problems: [Self.lostSecret]) }
        let before = replaceable.withLockedValue { $0 }
        var after = Replaceable(secretIDs: new.secrets.ids, credentials: new.credentials)
        var needRestart: [String] = []
        if (before.credentials.authorities == nil) != (after.credentials.authorities == nil) {
            after.credentials.authorities = before.credentials.authorities
            needRestart.append(Self.authorityKey)
        }
        let changed = Replaceable.settings.changedKeys(from: before, to: after)
        return ReloadableComponent.Step(changed: changed, needRestart: needRestart) { [after] in
            fleet.replaceSecrets(with: new.secrets)
            store.replace(credentials: after.credentials)
            replaceable.withLockedValue { $0 = after }
        }
    }

    private static let lostSecret =
        "fleet.secret-file: the file lacks the secret that this server started with, and that its cache keys are made with: keep it as the "
        + "second line, and restart this server before you remove it"
}

extension FleetNode.Replaceable {
    /// The settings whose files and values a reload replaces.
    fileprivate static let settings: [ComparedSetting<Self>] = [
        ComparedSetting("fleet.secret-file") { $0.secretIDs },
        ComparedSetting("fleet.user") { $0.credentials.user },
        ComparedSetting("fleet.password-file") { $0.credentials.password },
        ComparedSetting(FleetNode.authorityKey) { $0.credentials.authorities },
    ]
}
