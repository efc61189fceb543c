import AccountKit
import Foundation
import GraphAPI
import JWTVerifier
import Testing

@testable import DoormanDaemon

/// The settings of one provider, without a file.
@Suite("Settings of one provider")
struct ProviderSettingsTests {
    /// The defaults, with the settings of one kind.
    private static func settings(_ kind: ProviderKind, _ folder: ProviderFolder) -> DoormandSettings {
        var settings = DoormandSettings()
        set(kind, folder, &settings)
        return settings
    }

    private static func set(_ kind: ProviderKind, _ folder: ProviderFolder, _ settings: inout DoormandSettings) {
        switch kind {
        case .accountKit:
            settings.accountKit.url = "https://graph.example.org"
            settings.accountKit.applicationID = "5432154321543210"
        case .facebookLogin:
            settings.facebookLogin.applicationID = "1234567890"
            settings.facebookLogin.appSecretFile = folder.path("old")
        case .introspection:
            settings.introspection.endpoint = "https://id.example.org/introspect"
            settings.introspection.clientID = "doorman"
            settings.introspection.clientSecretFile = folder.path("old")
        case .jwt:
            settings.jwt.issuer = "https://login.example.org"
            settings.jwt.audience = ["orders-api"]
        }
    }

    @Test("the settings must name a provider, and the error says how")
    func noProvider() {
        let problems = ProviderFolder.problems(DoormandSettings())
        #expect(problems.count == 1)
        for words in [
            "no provider is set", "--jwt-issuer and --jwt-audience", "--introspection-endpoint", "--facebook-login-application-id",
            "--account-kit-url", "provider.file", "doorman dev",
        ] {
            #expect(problems.first?.contains(words) == true, "\(words)")
        }
    }

    @Test("the kind of the provider is the kind whose settings are set", arguments: ProviderKind.allCases)
    func inference(kind: ProviderKind) throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(kind, folder)
            let inferred = try settings.providers()
            #expect(inferred.map(\.kind) == [kind])
            #expect(inferred.map(\.name) == [kind.rawValue])
            settings.providerKind = try #require(ProviderKindChoice(rawValue: kind.rawValue))
            settings.providerName = "corp"
            #expect(try settings.providers().map(\.name) == ["corp"])
            #expect(try settings.providers().map(\.kind) == [kind])
        }
    }

    @Test("a kind without its settings says what it needs", arguments: ProviderKind.allCases)
    func missing(kind: ProviderKind) throws {
        var settings = DoormandSettings()
        settings.providerKind = try #require(ProviderKindChoice(rawValue: kind.rawValue))
        let problems = ProviderFolder.problems(settings)
        for key in kind.requiredKeys {
            #expect(problems.contains("\(kind.rawValue).\(key) is required for a provider of the kind \(kind.rawValue)"), "\(key)")
        }
        let others = [ProviderKind.jwt: 1, .introspection: 1][kind] ?? 0
        #expect(problems.count == kind.requiredKeys.count + others, "\(problems)")
    }

    @Test("settings of several kinds are refused, whatever the kind is set to", arguments: ["auto", "jwt", "account-kit"])
    func severalKinds(kind: String) throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(.accountKit, folder)
            Self.set(.jwt, folder, &settings)
            settings.providerKind = try #require(ProviderKindChoice(rawValue: kind))
            let problems = ProviderFolder.problems(settings)
            #expect(problems.count == 1)
            let words = "use provider.file for several providers, or provider.kind with the settings of one kind"
            #expect(problems.first?.hasPrefix("settings of several kinds of providers are set (") == true)
            #expect(problems.first?.hasSuffix(words) == true)
        }
    }

    @Test("the kind must agree with the settings that are set")
    func wrongKind() throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(.facebookLogin, folder)
            settings.providerKind = .jwt
            #expect(
                ProviderFolder.problems(settings).first?.hasPrefix(
                    "settings of several kinds of providers are set (jwt, facebook-login)") == true)
        }
    }

    @Test("a setting that has its default counts as not set")
    func defaults() throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(.jwt, folder)
            settings.accountKit.apiVersion = "v1.3"
            settings.facebookLogin.url = "https://graph.facebook.com"
            #expect(ProviderFolder.problems(settings).isEmpty)
        }
    }

    @Test("the current secret of an application comes before the next secret")
    func secrets() throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(.accountKit, folder)
            settings.accountKit.apiVersion = "v1.2"
            #expect(try Self.credentials(settings).map(\.application.secret) == [nil])
            #expect(try !settings.providers()[0].hasSecret)
            settings.accountKit.appSecretFile = folder.path("old")
            settings.accountKit.acceptAnswersWithoutApplication = true
            #expect(try Self.credentials(settings).map(\.application.secret) == [AppSecret(ProviderFolder.secret)])
            settings.accountKit.nextAppSecretFile = folder.path("new")
            let both = try Self.credentials(settings)
            #expect(
                both.map(\.application.secret) == [AppSecret(ProviderFolder.secret), AppSecret(ProviderFolder.nextSecret)])
            #expect(both.allSatisfy { $0.apiVersion == "v1.2" && $0.acceptAnswersWithoutApplication })
            #expect(both.allSatisfy { $0.application.id == "5432154321543210" && $0.baseURL == "https://graph.example.org" })
            // At the end of a rotation both files hold the same secret.
            settings.accountKit.nextAppSecretFile = settings.accountKit.appSecretFile
            #expect(try Self.credentials(settings).count == 1)
        }
    }

    private static func credentials(_ settings: DoormandSettings) throws -> [AccountKitSettings] {
        guard case .accountKit(let credentials) = try settings.providers()[0].definition else { return [] }
        return credentials
    }

    @Test("lists, durations and sizes reach the verifier as they are set")
    func values() throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(.jwt, folder)
            settings.jwt.audience = ["orders-api", "billing-api"]
            settings.jwt.algorithms = ["ES256"]
            settings.jwt.claims = ["tenant", "roles"]
            settings.jwt.leeway = .seconds(5)
            settings.jwt.maximumTokenBytes = 8192
            settings.jwt.tokenType = "access"
            settings.jwt.scopesClaim = "roles"
            settings.jwt.jwksURL = "https://keys.example.org/keys"
            guard case .jwt(let jwt) = try settings.providers()[0].definition else {
                Issue.record("a provider of the kind jwt")
                return
            }
            #expect(jwt.audience == ["orders-api", "billing-api"])
            #expect(jwt.algorithms == [.es256])
            #expect(jwt.claims == ["tenant", "roles"])
            #expect(jwt.leeway == .seconds(5))
            #expect(jwt.maximumTokenBytes == 8192)
            #expect(jwt.tokenType == .access)
            #expect(jwt.scopesClaim == "roles")
            #expect(jwt.jwksURL == "https://keys.example.org/keys")
        }
    }

    @Test("an application id with a leading zero is refused", arguments: ["0", "007", "05432154321543210"])
    func leadingZero(id: String) throws {
        try ProviderFolder.with { folder in
            var settings = Self.settings(.accountKit, folder)
            settings.accountKit.applicationID = id
            #expect(
                ProviderFolder.problems(settings)
                    == ["account-kit.application-id must be 1 to 32 decimal digits without a leading zero"])
        }
    }

    @Test("settings of a single provider cannot be combined with the file")
    func exclusive() throws {
        try ProviderFolder.with("- {kind: jwt, issuer: \"https://login.example.org\", audience: x}") { folder in
            folder.settings.accountKit.applicationID = "1"
            folder.settings.accountKit.appSecretFile = "x"
            folder.settings.accountKit.acceptAnswersWithoutApplication = true
            folder.settings.jwt.audience = ["x"]
            let problems = folder.problems
            #expect(problems.count == 4)
            for key in [
                "account-kit.application-id", "account-kit.app-secret-file", "account-kit.accept-answers-without-application",
                "jwt.audience",
            ] {
                #expect(
                    problems.contains("\(key) cannot be combined with provider.file: set it in that file instead"), "\(key)")
            }
        }
    }

    @Test("the kind and name of a single provider cannot be combined with the file")
    func exclusiveNames() throws {
        try ProviderFolder.with("- {kind: jwt, issuer: \"https://login.example.org\", audience: x}") { folder in
            folder.settings.providerKind = .jwt
            folder.settings.providerName = "corp"
            #expect(
                folder.problems
                    == [
                        "provider.kind cannot be combined with provider.file: set it in that file instead",
                        "provider.name cannot be combined with provider.file: set it in that file instead",
                    ])
        }
    }

    @Test("no message repeats a secret in the place of a path")
    func pathsStayPrivate() throws {
        let planted = "0123456789abcdef0123456789abcdef"
        try ProviderFolder.with { folder in
            for kind in ProviderKind.allCases {
                var settings = Self.settings(kind, folder)
                settings.accountKit.appSecretFile = kind == .accountKit ? planted : ""
                settings.accountKit.nextAppSecretFile = kind == .accountKit ? planted : ""
                settings.facebookLogin.appSecretFile = kind == .facebookLogin ? planted : ""
                settings.facebookLogin.nextAppSecretFile = kind == .facebookLogin ? planted : ""
                settings.introspection.clientSecretFile = kind == .introspection ? planted : ""
                settings.introspection.nextClientSecretFile = kind == .introspection ? planted : ""
                #expect(ProviderFolder.problems(settings).count == (kind == .jwt ? 0 : 2), "\(kind)")
                #expect(!ProviderFolder.problems(settings).contains { $0.contains(planted) }, "\(kind)")
            }
        }
    }
}
