import Foundation
import Testing

@testable import DoormanDaemon

@Suite("The example of a settings file, and its schema")
struct ExampleConfigurationTests {
    private func load(_ text: String) throws -> SettingsLoader.Loaded {
        let path = NSTemporaryDirectory() + "doormand-example-\(UUID().uuidString).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SettingsLoader(arguments: [], environment: [:], file: path).load()
    }

    private var defaults: String {
        SettingsPrinter.text(SettingsLoader.Loaded())
    }

    private func validate(_ text: String) throws -> [String] {
        try SchemaValidator(SettingsSchema.text()).problems(PlainValue(yaml: text))
    }

    @Test("the example and the printed defaults load as the defaults")
    func defaultsLoad() throws {
        for text in [ExampleConfiguration.text, defaults] {
            let loaded = try load(text)
            for setting in SettingsCatalogue.all { #expect(setting.read(loaded.settings) == setting.defaultText, "\(setting.key)") }
        }
    }

    @Test("the example holds every setting with its meaning, in lines of at most 80 columns")
    func isComplete() throws {
        let loaded = try load(ExampleConfiguration.text)
        let commentedOut = ["tls.client-auth"]
        #expect(Set(loaded.origins.keys) == Set(SettingsCatalogue.all.map(\.key)).subtracting(commentedOut))
        let words = ExampleConfiguration.text.split { " \n#".contains($0) }.joined(separator: " ")
        for setting in SettingsCatalogue.all { #expect(words.contains(setting.summary), "\(setting.key)") }
        for line in ExampleConfiguration.text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test("the check of the example fails only for what must be set")
    func check() throws {
        let error = #expect(throws: ConfigurationError.self) { try Daemon.check(try load(ExampleConfiguration.text).settings) }
        #expect(error?.problems.count == 1)
        #expect(error?.problems.first?.hasPrefix("no provider is set: ") == true)
        var settings = try load(ExampleConfiguration.text).settings
        settings.accountKit.url = "https://graph.example.org"
        settings.accountKit.applicationID = "5432154321543210"
        try Daemon.check(settings)
    }

    @Test(
        "the schema accepts files that load",
        arguments: [
            "cache.ttl: 5s", "cache: {ttl: 5s}", "cache: {rejection-storm.window: 1s}", "cache.rejection-storm: {window: 1s}",
            "provider:\n  circuit-breaker:\n    open-time: 1s\ncache:\n", "cache.ttl: null", "server: {max-connections: 5}",
            "server: {max-connections: \"5\"}", "server: {unix-socket-mode: 0660}", "server: {unix-socket-mode: \"0660\"}",
            "server: {unix-socket-callers: [uid:0, uid:1]}", "server: {unix-socket-callers: \"uid:0,uid:1\"}",
            "server: {unix-socket-callers: none}", "tls: {client-ca-file: none}", "process: {core-dumps: true}",
            "cache: {jitter: 0.5%}", "account-kit: {application-id: 5432154321543210}", "log: {level: debug}",
            "account-kit: {url: \"http://127.0.0.1:7118\"}", "server: {address: \"[::1]:0\"}", "provider: {proxy: \"\"}",
        ])
    func accepted(text: String) throws {
        #expect(throws: Never.self) { try load(text) }
        #expect(try validate(text) == [])
    }

    @Test("the schema accepts the example and printed settings")
    func acceptsOwnFiles() throws {
        let arguments = [
            "--server-unix-socket-callers", "uid:0,uid:7", "--cache-ttl", "1500ms", "--account-kit-application-id", "123",
            "--tls-client-ca-file", "ca.pem", "--tls-client-auth", "optional", "--cache-jitter", "0.5%",
        ]
        let loaded = try SettingsLoader(arguments: arguments, environment: [:], file: nil).load()
        for text in [ExampleConfiguration.text, defaults, SettingsPrinter.text(loaded)] { #expect(try validate(text) == []) }
    }

    @Test(
        "the schema rejects files that don't load",
        arguments: [
            "cache: {tll: 5s}", "cache.tll: 5s", "loglevel: info", "cache: 5", "cache: [{ttl: 5s}]", "cache: {ttl: 60}",
            "cache: {ttl: 60 s}", "cache: {ttl: [1s]}", "cache: {jitter: 0.1}", "cache: {jitter: 10}", "cache: {max-bytes: 64MB}",
            "server: {max-connections: 0}", "server: {max-connections: many}", "server: {max-connections: 1.5}",
            "server: {address: 7117}", "server: {address: localhost}", "server: {unix-socket-mode: 0o600}",
            "server: {unix-socket-callers: root}", "server: {unix-socket-callers: []}", "server: {unix-socket-callers: null}",
            "tls: {client-ca-file: null}", "authorization: {policy-file: \"\"}", "tls: {client-auth: maybe}",
            "process: {core-dumps: yes}", "log: {level: loud}", "account-kit: {url: \"https://user:planted@host\"}",
            "account-kit: {application-id: true}", "account-kit: {api-version: 1.3}", "- cache", "42",
            "provider: {circuit-breaker: {open-times: 1s}}", "server: {max-connections: -1}",
        ])
    func rejected(text: String) throws {
        #expect(try !validate(text).isEmpty)
        #expect(throws: ConfigurationError.self) {
            var settings = try load(text).settings
            if settings.accountKit.url.isEmpty { settings.accountKit.url = "https://graph.example.org" }
            if settings.accountKit.applicationID.isEmpty { settings.accountKit.applicationID = "1" }
            try Daemon.check(settings)
        }
    }
}
