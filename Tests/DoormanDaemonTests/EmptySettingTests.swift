import Foundation
import Testing

@testable import DoormanDaemon

/// The settings whose absence opens the server: an empty variable must not remove the protection.
@Suite("Settings that must not be empty")
struct EmptySettingTests {
    static let keys = [
        "tls.client-ca-file", "authorization.policy-file", "http.profiles-file", "http.introspection-clients-file",
        "server.unix-socket-callers",
    ]
    /// The forms of a missing value in the settings file.
    static let missing = ["", "''", "\"\"", "null", "~", "Null", "NULL"]

    private func load(
        _ arguments: [String] = [], environment: [String: String] = [:], file: String = "log: {level: info}"
    ) throws -> DoormandSettings {
        let path = NSTemporaryDirectory() + "doormand-empty-\(UUID().uuidString).yaml"
        try file.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SettingsLoader(arguments: arguments, environment: environment, file: path).load().settings
    }

    private func file(_ key: String, _ value: String) -> String {
        let parts = key.split(separator: ".")
        return "\(parts[0]):\n  \(parts[1]): \(value)\n"
    }

    private func problem(of load: () throws -> DoormandSettings) -> String? {
        do {
            _ = try load()
            return nil
        } catch {
            return (error as? ConfigurationError)?.problems.joined()
        }
    }

    @Test("an empty value or null is an error in every source", arguments: keys)
    func empty(key: String) throws {
        let setting = try #require(SettingsCatalogue.setting(key))
        for value in Self.missing {
            let problem = problem { try load(file: file(key, value)) }
            #expect(problem?.contains(".yaml: line 2: \(key) must not be empty: write ") == true, "\(problem ?? "")")
            #expect(problem?.hasSuffix(", or none") == true)
        }
        for text in [file(key, "{}"), "\(key): {}\n", file(key, "{ }")] {
            let problem = problem { try load(file: text) }
            #expect(problem?.contains("\(key) needs a value: it holds an empty mapping, {}") == true, "\(problem ?? "")")
        }
        var problems = [problem { try load([setting.flag, ""]) }]
        problems.append(problem { try load([setting.flag + "="]) })
        problems.append(problem { try load(environment: [setting.environmentVariable: ""]) })
        if setting.isList {
            for value in ["[]", "[null]", "['']"] {
                #expect(problem { try load(file: file(key, value)) }?.contains(".yaml: line 2: \(key) must ") == true)
            }
        }
        for problem in problems {
            #expect(
                problem?.hasPrefix("\(key) (\(setting.flag), \(setting.environmentVariable)) must not be empty: write ") == true)
            #expect(problem?.hasSuffix(", or none") == true)
        }
    }

    @Test("an empty mapping is a value of no setting, and hides no unknown name")
    func emptyMappings() {
        for setting in SettingsCatalogue.all {
            let problem = problem { try load(file: "\(setting.key): {}\n") }
            #expect(problem?.contains("\(setting.key) needs a value") == true, "\(setting.key): \(problem ?? "none")")
        }
        for text in ["prometheus: {}", "ACCOUNT-KIT: {}", "authorization: {policy_file: {}}"] {
            #expect(problem { try load(file: text) }?.contains("unknown setting") == true, "\(text)")
        }
        #expect(problem { try load(file: "cache: {ttl: {a: {}}}") }?.contains("cache.ttl needs a value") == true)
        #expect(problem { try load(file: "authorization: {}") } == nil, "a group may be empty")
    }

    @Test("none turns the protection off in every source, and is printed", arguments: keys)
    func none(key: String) throws {
        let setting = try #require(SettingsCatalogue.setting(key))
        for settings in [
            try load(file: file(key, "none")), try load([setting.flag, "none"]),
            try load(environment: [setting.environmentVariable: "none"]),
        ] {
            #expect(setting.read(settings) == "none")
            #expect(settings.tls.clientAuthorities.isEmpty && settings.policyFile.isEmpty)
            #expect(settings.server.unixSocketCallers.isEmpty)
        }
        #expect(setting.defaultText == "none")
    }

    @Test("none is no user, and no path beside other text", arguments: ["none,uid:1", "uid:1,none", ","])
    func noneInList(text: String) {
        #expect(problem { try load(["--server-unix-socket-callers", text]) } != nil)
    }

    @Test("in other settings an empty value and null stand for none", arguments: missing)
    func others(value: String) throws {
        for key in ["server.unix-socket", "provider.ca-file", "server.port-file", "tls.certificate-file", "provider.proxy"] {
            let settings = try load(file: file(key, value))
            #expect(try #require(SettingsCatalogue.setting(key)).read(settings) == "")
        }
    }

    @Test("null is an absent value in settings whose default is not empty", arguments: ["", "null", "~", "Null", "NULL"])
    func absent(value: String) throws {
        for key in ["server.address", "cache.ttl", "server.max-connections", "cache.jitter", "log.level", "process.core-dumps"] {
            let setting = try #require(SettingsCatalogue.setting(key))
            #expect(setting.read(try load(file: file(key, value))) == setting.defaultText, "\(key)")
        }
    }

    @Test(
        "a group of settings may be empty", arguments: ["cache:\n  # ttl: 5s\n", "cache: {}\n", "provider:\n  circuit-breaker:\n"])
    func emptyGroup(text: String) throws {
        #expect(try load(file: text + "log: {level: debug}\n").logLevel == .debug)
    }

    @Test("printed settings are accepted, also if the authorities are none")
    func printed() throws {
        for arguments in [
            [], ["--tls-client-ca-file", "ca.pem", "--tls-client-auth", "required"], ["--tls-client-auth", "optional"],
        ] {
            let loaded = try SettingsLoader(arguments: arguments, environment: [:], file: nil).load()
            let again = try load(file: SettingsPrinter.text(loaded))
            #expect(again.tls == loaded.settings.tls)
        }
    }

    @Test(
        "a proxy that no program could use is an error",
        arguments: [
            "ftp://proxy:1", "proxy:port", "http://proxy:0", "http://proxy:65536", "http://", "http://:3128",
            "socks5://proxy:1/path",
            "http://proxy host:1", "http://::1:3128", "https://proxy", "file:///etc/passwd", "http://proxy:1?x",
        ])
    func impossibleProxy(text: String) {
        #expect(problem { try load(["--provider-proxy", text]) }?.hasPrefix("provider.proxy ") == true)
    }

    @Test(
        "a proxy may have a scheme, a port and a final slash",
        arguments: [
            "http://proxy:3128", "http://proxy.example/", "HTTP://10.0.0.1:1", "socks5://[::1]:1080", "socks5h://proxy",
            "proxy:3128",
            "",
        ])
    func proxy(text: String) throws {
        #expect(try load(["--provider-proxy", text]).proxy == text)
    }
}
