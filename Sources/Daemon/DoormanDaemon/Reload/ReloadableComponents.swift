internal import AccountKit
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport

extension Daemon {
    /// All that a reload may change, and the only place that knows: a further piece is one line here.
    func reloadablePieces(_ dependencies: Dependencies, _ server: DoormanServer) -> [ReloadableComponent] {
        [
            logLevel.piece, dependencies.cacheBounds, dependencies.callerBudgets, dependencies.providers.secrets,
            server.tlsPiece(time: dependencies.time),
            server.policyPiece,
        ]
    }

    func settingsInForce(_ dependencies: Dependencies, _ server: DoormanServer) -> ActiveConfiguration {
        ActiveConfiguration(settings, loader: loader, pieces: reloadablePieces(dependencies, server)) {
            settings throws(ConfigurationError) in
            try Self.check(settings)
        }
    }
}

extension Dependencies {
    var cacheBounds: ReloadableComponent {
        ReloadableComponent(
            keys: ["cache.max-entries", "cache.max-bytes", "cache.max-rejected-entries", "cache.max-rejected-bytes"]
        ) { [verifier] settings in
            verifier.limit(valid: settings.cache.valid, rejected: settings.cache.rejected)
        }
    }

    var callerBudgets: ReloadableComponent {
        ReloadableComponent(
            keys: ["caller.misses-per-second", "caller.saved-misses", "caller.max-callers"]
        ) { [missLimiter, time] settings in
            missLimiter.change(to: settings.missBudgets, at: time.now())
        }
    }
}

extension DoormanServer {
    /// Certificate, key and authorities, for the next handshakes. Whether there is TLS at all was decided when it began to listen.
    func tlsPiece(time: TimeSource) -> ReloadableComponent {
        ReloadableComponent(
            keys: TLSFiles.keys, files: { [$0.tls.certificate, $0.tls.key, $0.tls.clientAuthorities] }
        ) { [self] settings throws(ConfigurationError) in
            let (before, loaded) = (tlsMaterial, try settings.tls.load(now: time.wallTime()))
            guard let before, let loaded else {
                let isSame = before == nil && loaded == nil
                return ReloadableComponent.Step(needRestart: isSame ? [] : Array(TLSFiles.keys.prefix(2))) {}
            }
            let changed = TLSFiles.keys(ofWhatDiffers: before, loaded.material)
            // New keys for the same certificates would only end everybody's sessions.
            guard !changed.isEmpty else { return ReloadableComponent.Step {} }
            return ReloadableComponent.Step(changed: changed) { self.replaceTLS(loaded) }
        }
    }
}

extension DoormanServer {
    /// Who may call what, for the next calls of every connection.
    var policyPiece: ReloadableComponent {
        ReloadableComponent(
            keys: [PolicyFile.setting, "server.accounts-callers"], files: { [$0.policyFile] }
        ) { [self] settings throws(ConfigurationError) in
            let policy = try settings.callerPolicy()
            guard policy != self.policy else { return ReloadableComponent.Step {} }
            return ReloadableComponent.Step(changed: settings.policyFile.isEmpty ? [] : [PolicyFile.setting]) {
                self.replacePolicy(policy)
            }
        }
    }
}

extension TLSFiles {
    fileprivate static let keys = ["tls.certificate-file", "tls.key-file", "tls.client-ca-file", "tls.client-certificates"]

    fileprivate static func keys(ofWhatDiffers before: TLSMaterial, _ after: TLSMaterial) -> [String] {
        let differs = [
            before.certificateChain != after.certificateChain, before.privateKey != after.privateKey,
            before.clientAuthorities != after.clientAuthorities, before.clientCertificates != after.clientCertificates,
        ]
        return zip(keys, differs).filter(\.1).map(\.0)
    }
}

extension ProviderPool {
    /// The secrets of the applications that are served. Which applications these are, and all else about them, needs a restart:
    /// memory and governors are made for them.
    var secrets: ReloadableComponent {
        ReloadableComponent(
            keys: ["account-kit.app-secret-file", "account-kit.next-app-secret-file", "account-kit.applications-file"],
            files: { $0.applicationFiles }
        ) { settings throws(ConfigurationError) in
            try self.prepareSecrets(settings)
        }
    }

    private func prepareSecrets(_ settings: DoormandSettings) throws(ConfigurationError) -> ReloadableComponent.Step {
        let (before, wanted) = (applications, try settings.applications())
        let after = before.map { application in
            wanted.first { $0.id == application.id }.map(application.withSecrets(of:)) ?? application
        }
        let changed = Self.keys(settings, ofSecretsThatDiffer: before, after)
        let needRestart = Self.keys(settings, ofTraitsThatDiffer: before, wanted)
        guard !changed.isEmpty else { return ReloadableComponent.Step(needRestart: needRestart) {} }
        do throws(AccountKitSettings.Invalid) {
            return ReloadableComponent.Step(changed: changed, needRestart: needRestart, apply: try prepare(after))
        } catch {
            throw ConfigurationError(problems: ["account-kit: \(error)"])
        }
    }

    /// The settings whose files hold other secrets than before.
    private static func keys(
        _ settings: DoormandSettings, ofSecretsThatDiffer before: [ServedApplication], _ after: [ServedApplication]
    ) -> [String] {
        guard settings.applicationsFile.isEmpty else { return before == after ? [] : ["account-kit.applications-file"] }
        var keys: [String] = []
        if before.map(\.secrets.first) != after.map(\.secrets.first) { keys.append("account-kit.app-secret-file") }
        if before.map({ $0.secrets.dropFirst() }) != after.map({ $0.secrets.dropFirst() }) {
            keys.append("account-kit.next-app-secret-file")
        }
        return keys
    }

    /// The settings that say something else of applications than before. Of a single one each has a key of its own.
    private static func keys(
        _ settings: DoormandSettings, ofTraitsThatDiffer before: [ServedApplication], _ wanted: [ServedApplication]
    ) -> [String] {
        guard settings.applicationsFile.isEmpty else {
            return before.map(\.traits) == wanted.map(\.traits) ? [] : ["account-kit.applications-file"]
        }
        guard before.map(\.id) != wanted.map(\.id) else { return [] }
        // Secrets of an application that is not served are not taken.
        return ["account-kit.application-id"]
            + [
                ("account-kit.app-secret-file", settings.appSecretFile),
                ("account-kit.next-app-secret-file", settings.nextAppSecretFile),
            ]
            .filter { !$0.1.isEmpty }.map(\.0)
    }
}

extension DoormandSettings {
    /// The files that ``applications()`` reads, as far as they are known.
    fileprivate var applicationFiles: [String] {
        guard !applicationsFile.isEmpty else { return [appSecretFile, nextAppSecretFile] }
        let entries = (try? ApplicationsFile(applicationsFile, apiVersion: apiVersion))?.entries ?? []
        return [applicationsFile] + entries.flatMap { [$0.secretFile, $0.nextSecretFile] }
    }
}

/// What a reload leaves as it is of an application.
private struct Traits: Hashable {
    let id: String
    let apiVersion: String
    let acceptsAnswersWithoutApplication: Bool
}

extension ServedApplication {
    fileprivate var traits: Traits {
        Traits(
            id: id, apiVersion: credentials[0].apiVersion, acceptsAnswersWithoutApplication: acceptsAnswersWithoutApplication)
    }
}
