internal import DoormanCore
internal import DoormanHTTP
internal import DoormanServer
internal import DoormanSupport

extension Daemon {
    /// Returns all components that a reload can change.
    func reloadableComponents(
        _ dependencies: Dependencies, _ server: DoormanServer, _ http: ReloadableHTTPConfiguration
    ) -> [ReloadableComponent] {
        [
            logLevel.component, dependencies.cacheBounds, dependencies.callerLimits(of: server), dependencies.providers.component,
            dependencies.transport.authoritiesComponent, server.tlsComponent(time: dependencies.time), server.policyComponent,
            http.component,
        ] + (dependencies.fleetNode.map { [$0.component] } ?? [])
    }

    func activeConfiguration(
        _ dependencies: Dependencies, _ server: DoormanServer, _ http: ReloadableHTTPConfiguration
    ) -> ActiveConfiguration {
        let components = reloadableComponents(dependencies, server, http)
        let loaded = SettingsLoader.Loaded(settings: settings, origins: origins)
        return ActiveConfiguration(loaded, loader: loader, components: components) { settings throws(ConfigurationError) in
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
            keys: TLSFiles.settings.map(\.key), files: { [$0.tls.certificate, $0.tls.key, $0.tls.clientAuthorities] }
        ) { [self] settings throws(ConfigurationError) in
            let (before, loaded) = (tlsMaterial, try settings.tls.load(now: time.wallTime()))
            guard let before, let loaded else {
                let isSame = before == nil && loaded == nil
                return ReloadableComponent.Step(needRestart: isSame ? [] : TLSFiles.requiredKeys) {}
            }
            try refuseInvalid(loaded, of: settings.tls, now: time.wallTime())
            let (material, needRestart) = loaded.material.keepingCallerChecks(of: before)
            let changed = TLSFiles.settings.changedKeys(from: before, to: material)
            // Applying the same files again would only invalidate the TLS sessions of all callers.
            guard !changed.isEmpty else { return ReloadableComponent.Step(needRestart: needRestart) {} }
            let tls = needRestart.isEmpty ? loaded : try TLSFiles.serverTLS(material, now: time.wallTime())
            return ReloadableComponent.Step(changed: changed, needRestart: needRestart) { self.replaceTLS(tls) }
        }
    }

    /// - Throws: ``ConfigurationError`` if a certificate that has expired, or is not valid yet, would replace a valid one. Then no caller
    ///   could connect.
    private func refuseInvalid(_ new: ServerTLS, of files: TLSFiles, now: Timestamp) throws(ConfigurationError) {
        guard !new.isCertificateValid(at: now), isCertificateValid(at: now) == true else { return }
        let problem =
            new.certificateExpiry < now
            ? "has expired, and the active certificate has not: renew the file"
            : "is not valid yet, and the active certificate is: check the clock, or reload once it is valid"
        throw ConfigurationError(problems: [
            "tls.certificate-file: the certificate \(problem)" + UnreadableFile.suffix(files.certificate)
        ])
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
    fileprivate static let settings: [ComparedSetting<TLSMaterial>] = [
        ComparedSetting("tls.certificate-file") { $0.certificateChain },
        ComparedSetting("tls.private-key-file") { $0.privateKey },
        ComparedSetting("tls.client-ca-file") { $0.clientAuthorities },
        ComparedSetting("tls.client-auth") { $0.clientCertificates },
    ]
    /// The keys of the settings that turn TLS on.
    fileprivate static let requiredKeys = ["tls.certificate-file", "tls.private-key-file"]
}

extension ProviderPool {
    /// Replaces the providers and their secrets. Providers that stay the same keep their governors, keys and cached tokens.
    var component: ReloadableComponent {
        ReloadableComponent(keys: DoormandSettings.providerKeys, files: { $0.providerFiles }) {
            settings throws(ConfigurationError) in
            try self.prepareProviders(settings)
        }
    }

    private func prepareProviders(_ settings: DoormandSettings) throws(ConfigurationError) -> ReloadableComponent.Step {
        let (before, after) = (members.map(\.configured), try settings.providers())
        let removed = Self.removedProtections(before, after)
        guard removed.isEmpty else { throw ConfigurationError(problems: removed) }
        let isSame = before.elementsEqual(after) { $0.traits == $1.traits && $0.secrets == $1.secrets }
        guard !isSame else { return ReloadableComponent.Step {} }
        return ReloadableComponent.Step(changed: Self.changedKeys(settings, before, after), apply: try prepare(after))
    }

    /// The checks of a provider's tokens that only a restart may remove: a mistake in a file must not open a running server.
    private static func removedProtections(_ before: [ConfiguredProvider], _ after: [ConfiguredProvider]) -> [String] {
        after.flatMap { new -> [String] in
            guard new.kind == .introspection, let old = before.first(where: { $0.name == new.name && $0.kind == new.kind }) else {
                return []
            }
            return ["audience", "issuer"].filter { old.traits[$0] != nil && new.traits[$0] == nil }.map {
                "a provider of the kind introspection has no \($0) any more: its tokens would no longer be compared with it. Restart to remove "
                    + "the check"
            }
        }
    }

    /// Returns the keys of the settings whose files have other contents.
    private static func changedKeys(
        _ settings: DoormandSettings, _ before: [ConfiguredProvider], _ after: [ConfiguredProvider]
    ) -> [String] {
        guard settings.providerFile.isEmpty else { return [ProviderFile.setting] }
        guard let old = before.first, let new = after.first, before.count == 1, old.traits == new.traits else { return [] }
        // The files hold the current secret and the next one, in this order.
        var keys: [String] = []
        for (index, file) in new.secretFiles.sorted(by: { !$0.setting.contains(".next-") && $1.setting.contains(".next-") })
            .enumerated()
        {
            let (was, isNow) = (old.secrets.dropFirst(index).first, new.secrets.dropFirst(index).first)
            if was != isNow { keys.append(file.setting) }
        }
        return keys
    }
}

extension DoormandSettings {
    /// The keys of the settings that define providers.
    fileprivate static let providerKeys =
        ["provider.kind", "provider.name", ProviderFile.setting] + SettingsCatalogue.providerKinds.map(\.key)

    /// The paths of the files that ``providers()`` reads. If the file of providers is unreadable, only its own path is known.
    fileprivate var providerFiles: [String] {
        [providerFile] + ((try? providerEntries()) ?? []).flatMap { $0.secretFiles.map(\.path) }
    }
}
