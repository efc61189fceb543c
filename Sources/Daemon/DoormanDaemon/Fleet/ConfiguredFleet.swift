internal import DoormanCore
internal import DoormanFleet
internal import DoormanServer
internal import DoormanSupport
internal import RedisStore

/// A fleet that this server belongs to, with its secrets.
struct ConfiguredFleet: Sendable {
    let store: RedisStoreSettings
    let credentials: RedisCredentials
    let secrets: FleetSecrets
    let tag: String
    let settings: FleetSettings
}

extension FleetOptions {
    /// The maximum number of addresses, because they share the time to connect.
    static let maximumAddresses = 16

    /// Whether commands go unencrypted over a network.
    var isPlaintextOnNetwork: Bool {
        store.contains { address in
            !address.usesTLS && ServerSettings.TCPAddress(host: address.address.host, port: address.address.port).isLoopback != true
        }
    }

    /// The settings that mean nothing without a store.
    private var settingsOfStore: [String] {
        let texts = [
            ("fleet.secret-file", secretFile), ("fleet.user", user), ("fleet.password-file", passwordFile),
            ("fleet.ca-file", caFile), ("fleet.sentinel-primary", sentinelPrimary),
        ]
        return texts.filter { !$0.1.isEmpty }.map(\.0)
    }

    /// The contradictions between the settings.
    var problems: [String] {
        guard !store.isEmpty else {
            // A variable that is not set must not take a server out of its fleet.
            return settingsOfStore.map { "\($0) is set, but fleet.store is empty: set the fleet's store, or remove the setting" }
        }
        var problems: [String] = []
        if secretFile.isEmpty { problems.append("fleet.secret-file is required if fleet.store is set") }
        if !FleetSecrets.isValid(tag: tag) { problems.append("fleet.tag must be 1 to 32 lowercase letters, digits and hyphens") }
        if Set(store.map(\.usesTLS)).count > 1 {
            problems.append("fleet.store: either all addresses begin with rediss://, or all with redis://")
        }
        if store.count > 1, sentinelPrimary.isEmpty {
            problems.append("fleet.store has several addresses, which are those of Sentinels: set fleet.sentinel-primary")
        }
        if store.count > Self.maximumAddresses { problems.append("fleet.store has more than \(Self.maximumAddresses) addresses") }
        if !user.isEmpty, passwordFile.isEmpty { problems.append("fleet.user needs fleet.password-file, which is missing") }
        if !caFile.isEmpty, store.contains(where: { !$0.usesTLS }) {
            problems.append("fleet.ca-file needs TLS: fleet.store must begin with rediss://")
        }
        if isPlaintextOnNetwork, !allowsPlaintext {
            problems.append(
                "fleet.store: redis:// beyond loopback would show the store's password to the network: use rediss://, or set "
                    + "fleet.allow-plaintext")
        }
        return problems
    }

    /// - Throws: ``ConfigurationError`` if the file can't be read, or holds no secrets. It does not repeat the file's text.
    fileprivate func secrets() throws(ConfigurationError) -> FleetSecrets {
        let text = try SecretFile.read(secretFile, in: nil, for: "fleet.secret-file")
        do throws(FleetSecrets.ContentError) {
            return FleetSecrets(try FleetSecrets.Content(parsing: text).secrets, tag: tag)
        } catch {
            throw ConfigurationError(problems: ["fleet.secret-file: the file \(error)\(UnreadableFile.suffix(secretFile))"])
        }
    }

    /// - Throws: ``ConfigurationError`` if a file can't be read.
    fileprivate func credentials() throws(ConfigurationError) -> RedisCredentials {
        var credentials = RedisCredentials(user: user.isEmpty ? nil : user)
        if !passwordFile.isEmpty {
            credentials.password = Array(try SecretFile.read(passwordFile, in: nil, for: "fleet.password-file").utf8)
        }
        credentials.authorities = try AuthorityFile(setting: "fleet.ca-file", path: caFile).read()
        return credentials
    }

    fileprivate var storeSettings: RedisStoreSettings {
        var settings = RedisStoreSettings(
            addresses: store.map(\.address), usesTLS: store.allSatisfy(\.usesTLS),
            sentinelPrimary: sentinelPrimary.isEmpty ? nil : sentinelPrimary)
        settings.commandTimeout = commandTimeout
        return settings
    }
}

extension DoormandSettings {
    /// Returns the fleet with its secrets; `nil` if this server belongs to none.
    ///
    /// - Throws: ``ConfigurationError`` with all problems.
    func configuredFleet() throws(ConfigurationError) -> ConfiguredFleet? {
        var problems = ProblemCollector(fleet.problems)
        guard !fleet.store.isEmpty else {
            try problems.throwIfAny()
            return nil
        }
        var secrets: FleetSecrets?
        if !fleet.secretFile.isEmpty, FleetSecrets.isValid(tag: fleet.tag) { secrets = problems.collect(try fleet.secrets()) }
        let credentials = problems.collect(try fleet.credentials())
        guard problems.isEmpty, let secrets, let credentials else { throw problems.error }
        return ConfiguredFleet(
            store: fleet.storeSettings, credentials: credentials, secrets: secrets, tag: fleet.tag,
            settings: fleetSettings)
    }

    /// The revocation bound in use.
    var revocationBound: Duration {
        if let bound = fleet.revocationBound { return bound }
        let bound = FleetSettings.defaultBound(cache: cache, callTimeout: server.connection.defaultCallTimeout)
        return min(max(bound, .seconds(2)), SettingsCatalogue.hour)
    }

    private var fleetSettings: FleetSettings {
        var settings = FleetSettings(
            revocationBound: revocationBound, cache: cache, callTimeout: server.connection.defaultCallTimeout)
        settings.acknowledgement =
            switch fleet.acknowledgement {
            case .log: .log
            case .fleet: .fleet
            }
        return settings
    }
}
