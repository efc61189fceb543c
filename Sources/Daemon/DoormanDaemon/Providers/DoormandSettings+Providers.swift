internal import DoormanSupport
internal import ProviderHTTP

extension DoormandSettings {
    /// Returns the configured providers: at least one, with unique names.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of all providers.
    func providers() throws(ConfigurationError) -> [ConfiguredProvider] {
        var problems = ProblemCollector()
        var providers: [(keyPrefix: String, provider: ConfiguredProvider)] = []
        for entry in try providerEntries() {
            if let provider = problems.collect(try ConfiguredProvider(entry)) { providers.append((entry.keyPrefix, provider)) }
        }
        problems.add(Self.conflicts(among: providers))
        try problems.throwIfAny()
        return providers.map(\.provider)
    }

    /// Returns the texts of the providers, without reading any secret: those of `provider.file`, or the one of the settings themselves.
    ///
    /// - Throws: ``ConfigurationError`` if there is no provider, or if the file can't be read as a list of providers.
    func providerEntries() throws(ConfigurationError) -> [ProviderEntry] {
        let kinds = ProviderKind.allCases.filter { !ownValues(of: $0).isEmpty }
        guard providerFile.isEmpty else {
            let own = kinds.flatMap { kind in ownValues(of: kind).keys.sorted().map { "\(kind.rawValue).\($0)" } }
            let conflicts = (ownNames + own).map {
                "\($0) cannot be combined with \(ProviderFile.setting): set it in that file instead"
            }
            let file = try ProviderFile(providerFile)
            guard conflicts.isEmpty, file.problems.isEmpty else { throw ConfigurationError(problems: conflicts + file.problems) }
            return file.entries
        }
        guard let kind = providerKind.kind ?? (kinds.count == 1 ? kinds[0] : nil) else {
            throw ConfigurationError(problems: [kinds.isEmpty ? Self.missingProvider : Self.severalKinds(kinds)])
        }
        let strangers = kinds.filter { $0 != kind }
        guard strangers.isEmpty else { throw ConfigurationError(problems: [Self.severalKinds([kind] + strangers)]) }
        let name = providerName.isEmpty ? kind.rawValue : providerName
        // Identities, log lines and metrics have the name.
        if let expectation = ProviderName.problem(of: name) { throw ConfigurationError(problems: ["provider.name \(expectation)"]) }
        return [ProviderEntry(kind: kind, name: name, keyPrefix: "\(kind.rawValue).", values: ownValues(of: kind))]
    }

    /// The keys of the settings of any kind that name the only provider, as far as they are set.
    private var ownNames: [String] {
        (providerKind == .auto ? [] : ["provider.kind"]) + (providerName.isEmpty ? [] : ["provider.name"])
    }

    /// Returns the values of the settings of a kind that differ from their defaults.
    private func ownValues(of kind: ProviderKind) -> [String: [String]] {
        var values: [String: [String]] = [:]
        for setting in SettingsCatalogue.all where setting.group == kind.rawValue {
            let text = setting.read(self)
            if text != setting.defaultText { values[String(setting.key.dropFirst(kind.rawValue.count + 1))] = [text] }
        }
        return values
    }

    private static let missingProvider =
        "no provider is set: without one, no token can be verified. Set the settings of one kind (--jwt-issuer and --jwt-audience; "
        + "--introspection-endpoint, --introspection-client-id and --introspection-client-secret-file; "
        + "--facebook-login-application-id and --facebook-login-app-secret-file; --account-kit-url and --account-kit-application-id), "
        + "or provider.file for several. For a try, doorman dev starts a server with an emulated provider"

    private static func severalKinds(_ kinds: [ProviderKind]) -> String {
        "settings of several kinds of providers are set (\(kinds.map(\.rawValue).joined(separator: ", "))): use provider.file for several "
            + "providers, or provider.kind with the settings of one kind"
    }

    /// The problems of providers that a token or a call could not tell apart.
    ///
    /// - Parameter providers: The providers, each with the beginning of messages about its keys.
    private static func conflicts(among providers: [(keyPrefix: String, provider: ConfiguredProvider)]) -> [String] {
        var problems: [String] = []
        for (index, (prefix, provider)) in providers.enumerated() {
            let earlier = providers[..<index].map(\.provider)
            switch provider.definition {
            case .jwt(let settings):
                let isUsed = earlier.contains { other in
                    if case .jwt(let others) = other.definition { others.issuer == settings.issuer } else { false }
                }
                if isUsed {
                    problems.append("\(prefix)issuer is already used by a provider above: list all audiences in one entry")
                }
            case .accountKit, .facebookLogin:
                if earlier.contains(where: { $0.kind == provider.kind && $0.applicationID == provider.applicationID }) {
                    problems.append("\(prefix)application-id is already used by a provider above")
                }
            case .introspection: continue
            }
        }
        return problems
    }
}
