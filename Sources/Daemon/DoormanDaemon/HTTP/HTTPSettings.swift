internal import DoormanHTTP

extension DoormandSettings {
    /// Returns the configuration of the HTTP API.
    ///
    /// - Parameter providers: The names of the providers.
    /// - Throws: ``ConfigurationError`` with all problems of its files.
    func httpConfiguration(providers: Set<String>) throws(ConfigurationError) -> HTTPConfiguration {
        var problems = ProblemCollector()
        var profiles = HTTPProfiles()
        var clients: IntrospectionClients?
        if !httpProfilesFile.isEmpty, let file = problems.collect(try HTTPProfilesFile(httpProfilesFile, providers: providers)) {
            problems.add(file.problems)
            profiles = file.value
        }
        if !introspectionClientsFile.isEmpty,
            let file = problems.collect(try IntrospectionClientsFile(introspectionClientsFile))
        {
            problems.add(file.problems)
            clients = file.value
        }
        try problems.throwIfAny()
        return HTTPConfiguration(profiles: profiles, introspectionClients: clients)
    }
}

extension ReloadableHTTPConfiguration {
    /// Replaces the profiles and the clients of introspection. Removing a file or the profile `default` needs a restart: a mistake in the
    /// settings must not open a running server.
    var component: ReloadableComponent {
        ReloadableComponent(
            keys: [HTTPProfilesFile.setting, IntrospectionClientsFile.setting],
            files: { [$0.httpProfilesFile, $0.introspectionClientsFile] }
        ) { [self] settings throws(ConfigurationError) in
            let names = Set(try settings.providers().map(\.name))
            let (before, loaded) = (value, try settings.httpConfiguration(providers: names))
            // Without a profile of its name, /auth requires nothing.
            let removesDefault = before.profiles.hasDefault && !loaded.profiles.hasDefault
            let removesProfiles =
                settings.httpProfilesFile.isEmpty
                ? loaded.profiles != before.profiles : removesDefault && loaded.profiles.standard != before.profiles.standard
            let removesClients = loaded.introspectionClients == nil && before.introspectionClients != nil
            let after = HTTPConfiguration(
                profiles: removesProfiles ? before.profiles : loaded.profiles,
                introspectionClients: loaded.introspectionClients ?? before.introspectionClients)
            let hasSameClients =
                switch (before.introspectionClients, after.introspectionClients) {
                case (nil, nil): true
                case (let before?, let after?): before.isEqual(to: after)
                default: false
                }
            let changed = [
                after.profiles == before.profiles ? nil : HTTPProfilesFile.setting,
                hasSameClients ? nil : IntrospectionClientsFile.setting,
            ].compactMap(\.self)
            let needRestart = [
                removesProfiles ? HTTPProfilesFile.setting : nil, removesClients ? IntrospectionClientsFile.setting : nil,
            ].compactMap(\.self)
            return ReloadableComponent.Step(changed: changed, needRestart: needRestart) { self.value = after }
        }
    }
}
