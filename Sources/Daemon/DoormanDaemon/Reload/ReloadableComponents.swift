internal import AccountKit
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport

extension Daemon {
    /// Returns all components that a reload can change.
    func reloadableComponents(_ dependencies: Dependencies, _ server: DoormanServer) -> [ReloadableComponent] {
        [
            logLevel.component, dependencies.cacheBounds, dependencies.callerLimits(of: server), dependencies.providers.secrets,
            dependencies.transport.authoritiesComponent, server.tlsComponent(time: dependencies.time), server.policyComponent,
        ]
    }

    func activeConfiguration(_ dependencies: Dependencies, _ server: DoormanServer) -> ActiveConfiguration {
        let components = reloadableComponents(dependencies, server)
        return ActiveConfiguration(settings, loader: loader, components: components) { settings throws(ConfigurationError) in
            try Self.check(settings)
        }
    }
}

extension Dependencies {
    var cacheBounds: ReloadableComponent {
        ReloadableComponent(
            keys: ["cache.max-entries", "cache.max-bytes", "cache.max-negative-entries", "cache.max-negative-bytes"]
        ) { [verifier] settings in
            verifier.limit(valid: settings.cache.valid, negative: settings.cache.negative)
        }
    }

    /// Changes the limits of callers: of cache misses and revocations of accounts here, of quotas in the server.
    func callerLimits(of server: DoormanServer) -> ReloadableComponent {
        ReloadableComponent(
            keys: [
                "authorization.misses-per-second", "authorization.misses-burst", "authorization.account-revocations-per-second",
                "authorization.account-revocations-burst", "authorization.network-misses-per-second",
                "authorization.network-misses-burst", "authorization.max-callers",
            ]
        ) { [missLimiter, accountRevocationLimiter, time] settings in
            missLimiter.change(to: settings.cacheMissLimiter, at: time.now())
            accountRevocationLimiter.change(to: settings.limitsOfAccountRevocations, at: time.now())
            server.limit(callers: settings.cacheMissLimiter.maximumCallers)
        }
    }
}

extension DoormanServer {
    /// Replaces certificate, key and authorities for later handshakes. Turning TLS on or off needs a restart, and so does a change that
    /// lets callers connect without a certificate: a mistake in a file must not open a running server.
    func tlsComponent(time: TimeSource) -> ReloadableComponent {
        ReloadableComponent(
            keys: TLSFiles.keys, files: { [$0.tls.certificate, $0.tls.key, $0.tls.clientAuthorities] }
        ) { [self] settings throws(ConfigurationError) in
            let (before, loaded) = (tlsMaterial, try settings.tls.load(now: time.wallTime()))
            guard let before, let loaded else {
                let isSame = before == nil && loaded == nil
                return ReloadableComponent.Step(needRestart: isSame ? [] : Array(TLSFiles.keys.prefix(2))) {}
            }
            let (material, needRestart) = loaded.material.keepingCallerChecks(of: before)
            let changed = TLSFiles.keys(ofDifferences: before, material)
            // Applying the same files again would only invalidate the TLS sessions of all callers.
            guard !changed.isEmpty else { return ReloadableComponent.Step(needRestart: needRestart) {} }
            let tls = needRestart.isEmpty ? loaded : try TLSFiles.serverTLS(material, now: time.wallTime())
            return ReloadableComponent.Step(changed: changed, needRestart: needRestart) { self.replaceTLS(tls) }
        }
    }

    /// Replaces the caller policy for later calls of every connection. Removing the policy file needs a restart.
    var policyComponent: ReloadableComponent {
        ReloadableComponent(
            keys: [PolicyFile.setting], files: { [$0.policyFile] }
        ) { [self] settings throws(ConfigurationError) in
            let policy = try settings.callerPolicy()
            guard policy != self.policy else { return ReloadableComponent.Step {} }
            guard !settings.policyFile.isEmpty else { return ReloadableComponent.Step(needRestart: [PolicyFile.setting]) {} }
            return ReloadableComponent.Step(changed: [PolicyFile.setting]) { self.replacePolicy(policy) }
        }
    }
}

extension TLSMaterial {
    /// Returns this material with the checks of callers' certificates that only a restart may remove, and the settings of these checks.
    fileprivate func keepingCallerChecks(of before: TLSMaterial) -> (material: TLSMaterial, needRestart: [String]) {
        guard before.clientAuthorities != nil else { return (self, []) }
        var (kept, needRestart) = (self, [String]())
        if clientAuthorities == nil {
            kept.clientAuthorities = before.clientAuthorities
            needRestart.append("tls.client-ca-file")
        }
        let isWeaker = before.clientCertificates == .required && clientCertificates == .optional
        if isWeaker {
            kept.clientCertificates = .required
            needRestart.append("tls.client-auth")
        }
        return (kept, needRestart)
    }
}

extension TLSFiles {
    fileprivate static let keys = ["tls.certificate-file", "tls.private-key-file", "tls.client-ca-file", "tls.client-auth"]

    fileprivate static func keys(ofDifferences before: TLSMaterial, _ after: TLSMaterial) -> [String] {
        let differs = [
            before.certificateChain != after.certificateChain, before.privateKey != after.privateKey,
            before.clientAuthorities != after.clientAuthorities, before.clientCertificates != after.clientCertificates,
        ]
        return zip(keys, differs).filter(\.1).map(\.0)
    }
}

extension ProviderPool {
    /// Replaces the secrets of the served applications. All other changes of applications need a restart, because the cache and the
    /// governors are created for them.
    var secrets: ReloadableComponent {
        ReloadableComponent(
            keys: ["account-kit.app-secret-file", "account-kit.next-app-secret-file", "account-kit.applications-file"],
            files: { $0.applicationFiles }
        ) { settings throws(ConfigurationError) in
            try self.prepareSecrets(settings)
        }
    }

    private func prepareSecrets(_ settings: DoormandSettings) throws(ConfigurationError) -> ReloadableComponent.Step {
        let (before, configured) = (applications, try settings.applications())
        let after = before.map { application in
            configured.first { $0.id == application.id }.map(application.withSecrets(of:)) ?? application
        }
        let changed = Self.keys(settings, ofSecretsThatDiffer: before, after)
        let needRestart = Self.keys(settings, ofTraitsThatDiffer: before, configured)
        guard !changed.isEmpty else { return ReloadableComponent.Step(needRestart: needRestart) {} }
        do throws(AccountKitSettings.Invalid) {
            return ReloadableComponent.Step(changed: changed, needRestart: needRestart, apply: try prepare(after))
        } catch {
            throw ConfigurationError(problems: ["account-kit.\(error)"])
        }
    }

    /// Returns the keys of the settings whose files hold different secrets.
    private static func keys(
        _ settings: DoormandSettings, ofSecretsThatDiffer before: [ServedApplication], _ after: [ServedApplication]
    ) -> [String] {
        guard settings.applicationsFile.isEmpty else {
            return before.map(\.secrets) == after.map(\.secrets) ? [] : ["account-kit.applications-file"]
        }
        var keys: [String] = []
        if before.map({ $0.secrets.prefix(1) }) != after.map({ $0.secrets.prefix(1) }) {
            keys.append("account-kit.app-secret-file")
        }
        if before.map({ $0.secrets.dropFirst() }) != after.map({ $0.secrets.dropFirst() }) {
            keys.append("account-kit.next-app-secret-file")
        }
        return keys
    }

    /// Returns the keys of the settings that change more about the applications than their secrets.
    private static func keys(
        _ settings: DoormandSettings, ofTraitsThatDiffer before: [ServedApplication], _ configured: [ServedApplication]
    ) -> [String] {
        guard settings.applicationsFile.isEmpty else {
            return before.map(\.traits) == configured.map(\.traits) ? [] : ["account-kit.applications-file"]
        }
        guard before.map(\.id) != configured.map(\.id) else { return [] }
        // The secrets of an application that is not served yet are not applied.
        return ["account-kit.application-id"]
            + [
                ("account-kit.app-secret-file", settings.appSecretFile),
                ("account-kit.next-app-secret-file", settings.nextAppSecretFile),
            ]
            .filter { !$0.1.isEmpty }.map(\.0)
    }
}

extension DoormandSettings {
    /// The paths of the files that ``applications()`` reads. If the applications file is unreadable, only its own path is known.
    fileprivate var applicationFiles: [String] {
        guard !applicationsFile.isEmpty else { return [appSecretFile, nextAppSecretFile] }
        let entries = (try? ApplicationsFile(applicationsFile, apiVersion: apiVersion))?.entries ?? []
        return [applicationsFile] + entries.flatMap { [$0.secretFile, $0.nextSecretFile] }
    }
}

/// The traits of an application that only a restart can change.
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
