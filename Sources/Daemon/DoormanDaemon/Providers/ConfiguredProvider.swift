internal import AccountKit
internal import DoormanCore
internal import DoormanCrypto
internal import DoormanSupport
internal import FacebookLogin
internal import GraphAPI
internal import JWTVerifier
internal import TokenIntrospection

/// A provider whose tokens this server verifies, with its secrets.
struct ConfiguredProvider: Sendable {
    /// The settings of the provider's verifiers. There is one for each secret: one, or two during a rotation, the current secret first.
    enum Definition: Sendable {
        case accountKit([AccountKitSettings])
        case facebookLogin([FacebookLoginSettings])
        case introspection([IntrospectionSettings])
        case jwt(JWTSettings)
    }

    /// A secret as its file has it.
    struct Secret: Sendable, Hashable {
        let text: String
    }

    let name: String
    let kind: ProviderKind
    let definition: Definition
    /// The secrets of the definition, in its order. Empty for a provider without one.
    let secrets: [Secret]
    let secretFiles: [SecretFile.Named]
    /// The setting of the URL to which a request with a credential goes, or the key of the entry with its place.
    let endpointSetting: String
    /// Everything that the entry says besides its secrets. Cached tokens of a provider are kept only while this stays the same.
    let traits: [String: [String]]
    /// A digest of the traits, by which the servers of a fleet know that they configure the provider alike.
    let fingerprint: [UInt8]

    /// The id of the application or client, or the issuer, for the log and the statistics.
    var applicationID: String {
        switch definition {
        case .accountKit(let credentials): credentials[0].application.id
        case .facebookLogin(let credentials): credentials[0].applicationID
        case .introspection(let credentials): credentials[0].clientID
        case .jwt(let settings): settings.audience.joined(separator: " ")
        }
    }

    /// Whether requests go unencrypted to this machine.
    var isOnThisMachine: Bool {
        ["url", "endpoint", "issuer", "jwks-url"].contains { traits[$0]?.first?.hasPrefix("http://") ?? false }
    }

    /// Whether provider requests carry a credential.
    var hasSecret: Bool { kind == .jwt || !secrets.isEmpty }

    var acceptsAnswersWithoutApplication: Bool {
        if case .accountKit(let credentials) = definition {
            credentials.contains(where: \.acceptAnswersWithoutApplication)
        } else {
            false
        }
    }

    /// Reads the secrets and checks the entry.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of this provider.
    init(_ entry: ProviderEntry) throws(ConfigurationError) {
        var entry = entry
        entry.requireKeys()
        name = entry.name
        kind = entry.kind
        traits = entry.traits
        fingerprint = Self.fingerprint(of: entry.traits)
        secretFiles = entry.secretFiles
        endpointSetting = entry.keyPrefix + (entry.kind == .introspection ? "endpoint" : "url")
        switch entry.kind {
        case .accountKit: (definition, secrets) = entry.accountKit()
        case .facebookLogin: (definition, secrets) = entry.facebookLogin()
        case .introspection: (definition, secrets) = entry.introspection()
        case .jwt: (definition, secrets) = (entry.jwt(), [])
        }
        guard entry.problems.isEmpty else { throw ConfigurationError(problems: entry.problems) }
    }
}

extension ConfiguredProvider {
    /// Returns a SHA-256 digest, keyed so that it is one of nothing else.
    private static func fingerprint(of traits: [String: [String]]) -> [UInt8] {
        let code = HMACSHA256(key: Array("doorman provider configuration".utf8)).authenticationCode { feeder in
            for (key, values) in traits.sorted(by: { $0.key < $1.key }) {
                feeder.appendLengthPrefixed(Array(key.utf8).span)
                feeder.appendLengthPrefixed(Array("\(values.count)".utf8).span)
                for value in values { feeder.appendLengthPrefixed(Array(value.utf8).span) }
            }
        }
        return code.bytes
    }
}

extension ConfiguredProvider.Secret: Redacted {
    var description: String { "Secret(redacted)" }
}

extension ProviderEntry {
    fileprivate mutating func accountKit() -> (ConfiguredProvider.Definition, [ConfiguredProvider.Secret]) {
        let secrets = secrets("app-secret-file", next: "next-app-secret-file")
        var base = AccountKitSettings(application: .init(id: text("application-id") ?? ""))
        base.name = name
        base.baseURL = text("url") ?? ""
        if let version = text("api-version") { base.apiVersion = version }
        if let accepts = value("accept-answers-without-application", Units.flag) { base.acceptAnswersWithoutApplication = accepts }
        if let bytes = bytes("max-token-length", 16...4096) { base.maximumTokenBytes = bytes }
        if let bytes = bytes("max-code-length", 16...4096) { base.maximumCodeBytes = bytes }
        let credentials = (secrets.isEmpty ? [nil] : secrets.map { AppSecret($0) }).map { secret in
            var credential = base
            credential.application.secret = secret
            return credential
        }
        for problem in credentials.flatMap({ $0.problemsOfApplication + $0.problemsOfProvider }) {
            // A secret that could not be read is not reported as missing, too.
            if problem == .acceptingWithoutSecret, !problems.isEmpty { continue }
            note(problem.key == .baseURL ? "url" : problem.key.rawValue, problem.expectation, unlessMissing: true)
        }
        return (.accountKit(credentials), secrets.map(ConfiguredProvider.Secret.init(text:)))
    }

    fileprivate mutating func facebookLogin() -> (ConfiguredProvider.Definition, [ConfiguredProvider.Secret]) {
        let secrets = secrets("app-secret-file", next: "next-app-secret-file")
        var base = FacebookLoginSettings(name: name, applicationID: text("application-id") ?? "", secret: AppSecret(""))
        if let url = text("url") { base.baseURL = url }
        if let version = text("api-version") { base.apiVersion = version }
        base.fields = list("fields")
        if let bytes = bytes("max-token-length", FacebookLoginSettings.tokenBytes) { base.maximumTokenBytes = bytes }
        let credentials = secrets.map { secret in
            var credential = base
            credential.secret = AppSecret(secret)
            return credential
        }
        for problem in (credentials.isEmpty ? [base] : credentials).flatMap(\.problems) {
            if credentials.isEmpty, problem.key == .appSecret { continue }
            note(problem.key.rawValue, problem.expectation, unlessMissing: true)
        }
        return (.facebookLogin(credentials.isEmpty ? [base] : credentials), secrets.map(ConfiguredProvider.Secret.init(text:)))
    }

    fileprivate mutating func jwt() -> ConfiguredProvider.Definition {
        let audience = list("audience")
        let preset = choice("preset", JWTSettings.Preset.self) ?? .none
        var settings: JWTSettings
        if preset == .none {
            if values["issuer"] == nil { note("issuer", "is required for a provider of the kind jwt, unless preset is set") }
            settings = JWTSettings(name: name, issuer: text("issuer") ?? "", audience: audience)
        } else {
            settings = JWTSettings(name: name, preset: preset, audience: audience)
            if let issuer = text("issuer") { settings.issuer = issuer }
        }
        if values["algorithms"] != nil {
            settings.algorithms = []
            for word in list("algorithms") {
                guard let algorithm = SignatureAlgorithm(name: word) else {
                    note(
                        "algorithms",
                        "must be among " + SignatureAlgorithm.names.joined(separator: ", ")
                            + ": symmetric algorithms and none are never accepted")
                    continue
                }
                if !settings.algorithms.contains(algorithm) { settings.algorithms.append(algorithm) }
            }
        }
        if let url = text("jwks-url") { settings.jwksURL = url }
        if let type = choice("token-type", JWTSettings.TokenType.self) { settings.tokenType = type }
        settings.scopesClaim = text("scopes-claim")
        settings.claims = list("claims")
        if let leeway = duration("leeway", .zero ... .seconds(300)) { settings.leeway = leeway }
        if let bytes = bytes("max-token-length", JWTSettings.tokenBytes) { settings.maximumTokenBytes = bytes }
        for problem in settings.problems { note(problem.key.rawValue, problem.expectation, unlessMissing: true) }
        return .jwt(settings)
    }

    mutating func bytes(_ key: String, _ range: ClosedRange<Int>) -> Int? {
        value(key) { text throws(InvalidValueError) in try Units.bytes(text, in: range) }
    }

    private mutating func duration(_ key: String, _ range: ClosedRange<Duration>) -> Duration? {
        value(key) { text throws(InvalidValueError) in try Units.duration(text, in: range) }
    }

    /// Notes a problem of a key, unless the key is required and missing, which is noted already.
    mutating func note(_ key: String, _ expectation: String, unlessMissing: Bool) {
        let isMissing = values[key] == nil && (kind.requiredKeys.contains(key) || key == "issuer")
        if !isMissing { note(key, expectation) }
    }
}
