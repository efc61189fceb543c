import Foundation
import Testing

@testable import DoormanDaemon

/// Secrets in the place of each other value of the settings.
@Suite("Misplaced secrets in settings")
struct MisplacedSettingTests {
    private static let secrets = [
        "PLANTEDx1", "https://u:PLANTED@h.example/p", "redis://u:PLANTED@127.0.0.1:1", "rediss://h.example:1/?p=PLANTED",
        "http://127.0.0.1:1/?t=PLANTED", "https://h.example/#PLANTED", "PLANTED,b", "127.0.0.1:PLANTED", "sub/PLANTED",
        "unix:PLANTED",
        "a\nPLANTED", "//u:PLANTED@h", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.PLANTED:7117", "PLANTED/x:7117",
    ]

    /// Checks a command line as `--check-config` does.
    ///
    /// - Returns: The problems, and the settings if they can be loaded.
    private func check(_ arguments: [String]) -> (problems: [String], loaded: SettingsLoader.Loaded?) {
        var loaded: SettingsLoader.Loaded?
        do throws(ConfigurationError) {
            let settings = try SettingsLoader(arguments: arguments, environment: [:], file: nil).load()
            loaded = settings
            _ = try Daemon.check(settings.settings)
            return ([], loaded)
        } catch {
            return (error.problems, loaded)
        }
    }

    private static func provider(_ group: Substring) -> [String] {
        switch group {
        case "jwt": ["--jwt-issuer", "https://login.example.org", "--jwt-audience", "a"]
        case "introspection":
            [
                "--introspection-endpoint", "http://127.0.0.1:1/", "--introspection-client-id", "x",
                "--introspection-client-secret-file", "/a",
            ]
        case "facebook-login": ["--facebook-login-application-id", "1", "--facebook-login-app-secret-file", "/a"]
        default: ["--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "1"]
        }
    }

    @Test("no problem repeats one", arguments: SettingsCatalogue.all.map(\.key))
    func problems(key: String) throws {
        let setting = try #require(SettingsCatalogue.setting(key))
        let fleet = setting.group == "fleet" ? ["--fleet-store", "redis://127.0.0.1:1", "--fleet-secret-file", "/a"] : []
        let all = Self.provider(setting.group) + fleet
        let others = stride(from: 0, to: all.count, by: 2).filter { all[$0] != setting.flag }.flatMap { [all[$0], all[$0 + 1]] }
        for secret in Self.secrets {
            let problems = check(others + [setting.flag, secret]).problems
            #expect(!problems.contains { $0.contains("PLANTED") }, "\(secret): \(problems)")
        }
    }

    @Test(
        "printed settings hold no password and no query of a URL",
        arguments: [
            "jwt.issuer", "jwt.jwks-url", "introspection.endpoint", "introspection.revocation-endpoint",
            "introspection.assertion-audience", "introspection.issuer", "facebook-login.url", "account-kit.url", "provider.proxy",
            "fleet.store",
        ])
    func printed(key: String) throws {
        let setting = try #require(SettingsCatalogue.setting(key))
        for secret in Self.secrets where secret.contains("://") {
            let (problems, loaded) = check([setting.flag, secret])
            guard let loaded else {
                #expect(problems.contains { $0.hasPrefix(key) }, "\(problems)")
                continue
            }
            let text = SettingsPrinter.text(loaded)
            #expect(!text.contains("PLANTED"), "\(secret)")
            // A printed URL is incomplete, and no server may start with it.
            let shown = setting.show(loaded.settings)
            #expect(shown.hasSuffix("?…"))
            #expect(check([setting.flag, shown]).problems.contains { $0.contains("query, which is hidden") })
        }
    }

    @Test("a query is a part of the setting, which only its print lacks")
    func query() throws {
        let url = "https://login.example.org/keys?p=policy"
        let loaded = try SettingsLoader(arguments: ["--jwt-jwks-url", url], environment: [:], file: nil).load()
        #expect(loaded.settings.jwt.jwksURL == url)
        #expect(SettingsPrinter.text(loaded).contains("\"https://login.example.org/keys?…\""))
    }

    @Test("an issuer may have an at sign where it is no password")
    func atSigns() {
        let issuers = [
            "robot@project.iam.gserviceaccount.com", "https://www.googleapis.com/jwk/securetoken@system.gserviceaccount.com",
        ]
        for issuer in issuers {
            #expect(
                check(["--jwt-issuer", issuer, "--jwt-audience", "a", "--jwt-jwks-url", "https://a.example/k"]).problems.isEmpty)
        }
    }

    @Test("a name of a provider has the characters of a name, whatever its kind", arguments: ProviderKind.allCases)
    func names(kind: ProviderKind) {
        let names = [
            "redis://u:PLANTED@h:1", "PLANTED 1", "PLANTED\nx", String(repeating: "PLANTED", count: 10), "PLANTEDé", "a/PLANTED",
        ]
        for name in names {
            let problems = check(Self.provider(kind.rawValue[...]) + ["--provider-name", name]).problems
            #expect(
                problems.contains("provider.name must have 1 to 64 letters, digits, dots, hyphens or underscores"), "\(problems)")
            #expect(!problems.contains { $0.contains("PLANTED") }, "\(problems)")
        }
        let accepted = check(Self.provider(kind.rawValue[...]) + ["--provider-name", "corp-1_a.B"]).problems
        #expect(!accepted.contains { $0.hasPrefix("provider.name") })
    }

    @Test(
        "an unknown key ends at its first part that can have no parts",
        arguments: [
            (
                "account-kit: {app-secret: {PLANTED}}",
                "unknown setting account-kit.app-secret"
            ),
            (
                "account-kit: {app-secret: {a: {PLANTED: 1}}}",
                "unknown setting account-kit.app-secret"
            ),
            ("account-kit: {app-secret-file: {PLANTED: x}}", "account-kit.app-secret-file needs a value: it holds a mapping"),
            ("secret: {PLANTED}", "unknown setting secret"),
            ("cache: {ttl: {PLANTED}}", "cache.ttl needs a value: it holds a mapping"),
            ("password: [PLANTED]", "unknown setting password"),
            ("log.level.PLANTED: 1", "log.level needs a value: it holds a mapping"),
        ])
    func keys(text: String, expected: String) throws {
        let path = NSTemporaryDirectory() + "doormand-\(UUID().uuidString).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let problems = FileSource(path).problems
        #expect(problems.count == 1 && problems[0].contains(expected) && !problems[0].contains("PLANTED"), "\(problems)")
    }

    @Test(
        "a flag with its value after one letter is that letter",
        arguments: ["-pPLANTED", "-p=PLANTED", "-PLANTED", "--p'PLANTED"])
    func flags(argument: String) {
        #expect(!check([argument]).problems.contains { $0.contains("LANTED") })
    }

    @Test("the path of a settings file is shown only if it is absolute", arguments: ["PLANTED", "sub/PLANTED", "PLANTED.yaml"])
    func settingsFile(path: String) {
        let problems = FileSource(path).problems
        #expect(
            problems.count == 1 && problems[0].hasPrefix("settings file: cannot read the file, whose path is relative to "),
            "\(problems)")
        #expect(!problems[0].contains("PLANTED"))
    }
}
