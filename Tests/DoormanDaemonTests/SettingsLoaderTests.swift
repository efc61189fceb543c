import Foundation
import Testing

@testable import DoormanDaemon

@Suite("Settings")
struct SettingsLoaderTests {
    private func load(
        _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) throws -> SettingsLoader.Loaded {
        guard let file else {
            return try SettingsLoader(arguments: arguments, environment: environment, file: nil).load()
        }
        let path = NSTemporaryDirectory() + "doormand-settings-\(UUID().uuidString).yaml"
        try file.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SettingsLoader(arguments: arguments, environment: environment, file: path).load()
    }

    private func problems(
        _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) throws -> [String] {
        do {
            _ = try load(arguments, environment: environment, file: file)
            return []
        } catch let error as ConfigurationError {
            return error.problems
        }
    }

    @Test("flags override the environment, which overrides the file, which overrides defaults")
    func precedence() throws {
        let file = """
            cache:
              ttl: 10s
              negative-ttl: 3s
              max-entries: 7
            """
        let loaded = try load(
            ["--cache-ttl", "30s"], environment: ["DOORMAN_CACHE_TTL": "20s", "DOORMAN_CACHE_NEGATIVE_TTL": "4s"], file: file)
        #expect(loaded.settings.cache.ttl == .seconds(30))
        #expect(loaded.settings.cache.negativeTTL == .seconds(4))
        #expect(loaded.settings.cache.valid.entries == 7)
        #expect(loaded.settings.cache.valid.bytes == 128 << 20)
        #expect(loaded.origins["cache.ttl"] == "flag --cache-ttl")
        #expect(loaded.origins["cache.negative-ttl"] == "environment variable DOORMAN_CACHE_NEGATIVE_TTL")
        #expect(loaded.origins["cache.max-entries"]?.hasPrefix("file ") == true)
        #expect(loaded.origins["cache.max-bytes"] == nil)
    }

    @Test("a settings file may be JSON")
    func jsonFile() throws {
        let loaded = try load(file: #"{"server": {"max-frame-length": "32KiB", "max-connections": 5}}"#)
        #expect(loaded.settings.server.connection.maximumFrameLength == 32 << 10)
        #expect(loaded.settings.server.maximumConnections == 5)
    }

    @Test("users are a list of comma-separated names")
    func userLists() throws {
        let loaded = try load(["--server-unix-socket-callers", "uid:0,uid:7,uid:00"])
        #expect(loaded.settings.server.unixSocketCallers.map(\.name).sorted() == ["uid:0", "uid:7"])
        let variable = try load(environment: ["DOORMAN_SERVER_UNIX_SOCKET_CALLERS": "uid:0,uid:1"])
        #expect(variable.settings.server.unixSocketCallers.map(\.name).sorted() == ["uid:0", "uid:1"])
        for text in ["\"uid:0,uid:1\"", "[\"uid:0\", \"uid:1\"]"] {
            let file = try load(file: "server: {unix-socket-callers: \(text)}")
            #expect(file.settings.server.unixSocketCallers.map(\.name).sorted() == ["uid:0", "uid:1"])
        }
    }

    @Test(
        "the error of an invalid user shows the valid form, not the value",
        arguments: ["root", "uid:0,", ",", "uid:0, uid:1", "ip:10.0.0.7", "EMAWsecret"])
    func badUsers(text: String) throws {
        let problems = try problems(["--server-unix-socket-callers", text])
        #expect(problems.count == 1)
        #expect(problems.first?.contains("server.unix-socket-callers") == true)
        #expect(problems.first?.contains("uid:NUMBER, for example uid:1000") == true)
        #expect(problems.first?.contains("EMAW") == false)
    }

    @Test("callers of the Unix socket are users")
    func users() throws {
        let loaded = try load(["--server-unix-socket-callers", "uid:0,uid:1000"])
        #expect(loaded.settings.server.unixSocketCallers.map(\.name).sorted() == ["uid:0", "uid:1000"])
        let problems = try problems(["--server-unix-socket-callers", "ip:127.0.0.1"])
        #expect(problems.count == 1)
        #expect(problems.first?.contains("uid:NUMBER") == true)
    }

    @Test("permissions are octal in every source")
    func permissions() throws {
        #expect(try load().settings.server.unixSocketMode == 0o600)
        #expect(try load(["--server-unix-socket-mode", "660"]).settings.server.unixSocketMode == 0o660)
        for text in ["0660", "\"0660\""] {
            let loaded = try load(file: "server: {unix-socket-mode: \(text)}")
            #expect(loaded.settings.server.unixSocketMode == 0o660)
        }
    }

    @Test("every setting parses its own default", arguments: SettingsCatalogue.all.map(\.key))
    func defaults(key: String) throws {
        let setting = try #require(SettingsCatalogue.setting(key))
        var settings = DoormandSettings()
        try setting.apply(setting.defaultText, &settings)
        #expect(setting.read(settings) == setting.defaultText)
    }

    @Test("every setting has a unique key and variable")
    func uniqueKeys() {
        #expect(Set(SettingsCatalogue.all.map(\.key)).count == SettingsCatalogue.all.count)
        #expect(Set(SettingsCatalogue.all.map(\.environmentVariable)).count == SettingsCatalogue.all.count)
    }

    @Test("only a list accepts its flag more than once")
    func repeatedFlags() throws {
        for arguments in [["--cache-ttl", "1s", "--cache-ttl=2s"], ["--cache-ttl"], ["--server-allow-plaintext-from-network"]] {
            let problems = try problems(arguments)
            #expect(problems.count == 1)
            #expect(problems.first?.hasSuffix("must be set once, to a single value") == true, "\(problems)")
        }
        let loaded = try load(["--server-unix-socket-callers=uid:0", "--server-unix-socket-callers", "uid:1"])
        #expect(loaded.settings.server.unixSocketCallers.map(\.name).sorted() == ["uid:0", "uid:1"])
    }

    @Test("an argument without a flag is an error")
    func strayArguments() throws {
        for arguments in [["1s"], ["--cache-ttl", "1s", "2s"], ["--cache-ttl=1s", "2s"]] {
            #expect(
                try problems(arguments) == [
                    "unexpected argument: write a setting as --key value or --key=value, and the settings file as --config FILE"
                ],
                "\(arguments)")
        }
    }

    @Test("a value may begin with a hyphen")
    func hyphen() throws {
        #expect(try load(["--provider-ca-file", "-=-"]).settings.caFile == "-=-")
    }

    @Test("in the environment only lists are split at commas")
    func variables() throws {
        let loaded = try load(environment: [
            "DOORMAN_SERVER_UNIX_SOCKET_CALLERS": "uid:0, uid:1", "DOORMAN_PROVIDER_CA_FILE": "a,b",
        ])
        #expect(loaded.settings.server.unixSocketCallers.map(\.name).sorted() == ["uid:0", "uid:1"])
        #expect(loaded.settings.caFile == "a,b")
    }

    @Test("a list in the file is not a value of a setting that is not a list")
    func listsInFiles() throws {
        for text in ["[1s]", "[]", "[1s, 2s]"] {
            let file = "cache: {ttl: \(text)}"
            let problems = try problems(file: file)
            #expect(problems.count == 1)
            #expect(problems.first?.hasSuffix("must be set once, to a single value") == true, "\(problems)")
            #expect(try load(["--cache-ttl", "3s"], file: file).settings.cache.ttl == .seconds(3))
        }
    }

    @Test("a key in the file may be dotted or nested, but not both")
    func dottedKeys() throws {
        #expect(try load(file: "cache.ttl: 1s").settings.cache.ttl == .seconds(1))
        let problems = try problems(file: "cache.ttl: 1s\ncache: {ttl: 2s}")
        #expect(problems.count == 1)
        #expect(problems.first?.hasSuffix(".yaml: lines 1 and 2: cache.ttl is set twice") == true)
        let again = try self.problems(file: "log: {level: info}\ncache:\n  ttl: 1s\n  ttl: 2s\n")
        #expect(again.count == 1)
        #expect(again.first?.hasSuffix(".yaml: line 3: the key ttl is set twice") == true, "\(again)")
    }

    @Test("the error of an unknown key suggests the nearest known key")
    func unknownKeys() throws {
        let problems = try problems(
            ["--cache-tll", "1s", "--server-adress=127.0.0.1:1"], environment: ["DOORMAN_SERVER_IDLE_TIME": "1s", "PATH": "/bin"],
            file: "cache:\n  max-entrys: 1\nloglevel: info\n")
        #expect(problems.count == 5)
        for nearest in ["--cache-ttl?", "--server-address?", "DOORMAN_SERVER_IDLE_TIMEOUT?", "cache.max-entries?", "log.level?"] {
            #expect(problems.contains { $0.hasSuffix("did you mean \(nearest)") }, "\(nearest)")
        }
    }

    @Test(
        "a name that a value follows without a space or equals sign is repeated without the value",
        arguments: [
            "cache: {ttl:PLANTED}", "cache: {ttl PLANTED}", "cache: {ttl=PLANTED}", "{cache.ttl:PLANTED}", "? ttl:PLANTED",
            "{ttl:PLANTED, ttl:PLANTED}", "{ttl PLANTED: 1, ttl PLANTED: 2}", "? ttl PLANTED\n? ttl PLANTED", "'ttl\"PLANTED\"': 1",
        ])
    func valueInName(text: String) throws {
        let problem = try #require(problems(file: text).first)
        #expect(problem.contains("ttl…") && !problem.contains("PLANTED"), "\(problem)")
        #expect(
            problem.contains("YAML needs a space after the colon") == (text.contains(":P") && !problem.contains("twice")),
            "\(problem)")
        let other = try problems(
            ["--cache-ttl:PLANTED"], environment: ["DOORMAN_CACHE_TTL:PLANTED": "", "DOORMAN_CACHE_TTL PLANTED": ""])
        #expect(other.count == 3 && !other.contains { $0.contains("PLANTED") }, "\(other)")
    }

    @Test("variables of the CLI and of Kubernetes are ignored")
    func foreignVariables() throws {
        let environment = [
            "DOORMAN_ADDRESS": "127.0.0.1:7117", "DOORMAN_TIMEOUT": "2s", "DOORMAN_TLS": "true", "DOORMAN_CA_FILE": "ca.pem",
            "DOORMAN_CERTIFICATE_FILE": "caller.pem", "DOORMAN_PRIVATE_KEY_FILE": "caller.key",
            "DOORMAN_SERVER_NAME": "doorman.internal", "DOORMAN_EMULATOR": "127.0.0.1:7118",
        ]
        #expect(try problems(environment: environment).isEmpty)
    }

    @Test(
        "the variables of a Kubernetes Service whose name begins with doorman are ignored",
        arguments: ["DOORMAN", "DOORMAN_CANARY", "DOORMAN_TLS", "DOORMAN_PORT_2", "DOORMAN_CACHE_TTL", "DOORMAN_SERVICE"])
    func serviceLinks(service: String) throws {
        for transport in ["tcp", "udp", "sctp"] {
            let url = "\(transport)://10.0.0.1:7117"
            let port = "\(service)_PORT_7117_\(transport.uppercased())"
            let environment = [
                "\(service)_SERVICE_HOST": "10.0.0.1", "\(service)_SERVICE_PORT": "7117", "\(service)_SERVICE_PORT_GRPC": "7117",
                "\(service)_SERVICE_PORT_HTTP_METRICS": "7119", "\(service)_PORT": url, port: url, "\(port)_PROTO": transport,
                "\(port)_PORT": "7117", "\(port)_ADDR": "10.0.0.1",
            ]
            #expect(try problems(environment: environment).isEmpty)
        }
    }

    @Test(
        "a variable that is nearly one of Kubernetes stops the start",
        arguments: [
            "DOORMAN_PORT", "DOORMAN_CANARY_PORT", "DOORMAN_HOST", "DOORMAN_SERVICE", "DOORMAN_SERVICE_HOSTS",
            "DOORMAN_SERVICE_HOST_X", "DOORMAN_PORT_7117", "DOORMAN_PORT_X_TCP", "DOORMAN_PORT_7117_TLS",
            "DOORMAN_PORT_7117_TCP_X", "DOORMAN_PORT_70000_TCP",
        ])
    func noServiceLink(name: String) throws {
        let problems = try problems(environment: [name: "7117"])
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("unknown environment variable \(name)") == true)
    }

    @Test(
        "a name of other servers gets the setting as a suggestion",
        arguments: [
            ("--port", "--server-address"), ("-p", "--server-address"), ("--listen", "--server-address"),
            ("--bind", "--server-address"), ("--host", "--server-address"), ("--ttl", "--cache-ttl"),
            ("--verbose", "--log-level"), ("--debug", "--log-level"), ("--cert", "--tls-certificate-file"),
            ("--key", "--tls-private-key-file"), ("--ca", "--tls-client-ca-file"), ("--url", "--account-kit-url"),
            ("--policy-file", "--authorization-policy-file"), ("--max-entries", "--cache-max-entries"),
            ("--Cache-TTL", "--cache-ttl"), ("--cache.ttl", "--cache-ttl"), ("--cache_ttl", "--cache-ttl"),
            ("--check", "--check-config"), ("--dry-run", "--check-config"), ("-c", "--config"), ("-V", "--version"),
        ])
    func synonyms(name: String, expected: String) throws {
        #expect(try problems([name + "=x"]) == ["unknown flag \(name); did you mean \(expected)?"])
    }

    @Test("a name that is near no setting gets no suggestion", arguments: ["--frobnicate", "--x", "--hello-world", "--max"])
    func noSuggestion(name: String) throws {
        #expect(try problems([name + "=x"]) == ["unknown flag \(name)"])
    }

    @Test("every synonym means a setting with another name")
    func synonymTargets() {
        let names = Set(SettingsCatalogue.all.map { SettingSynonyms.plain($0.key) })
        for (name, key) in SettingSynonyms.keys {
            #expect(SettingsCatalogue.setting(key) != nil, "\(key)")
            #expect(!names.contains(name), "\(name)")
        }
    }

    @Test("a name is echoed on one line of bounded length")
    func echo() throws {
        let long = try problems(["--" + String(repeating: "x", count: 100_000)])
        #expect(long.first.map { $0.count < 100 && $0.hasSuffix("…") } == true)
        #expect(try problems(["--a\u{1B}[2J\nb\u{202E}"]) == ["unknown flag --a…"])
        #expect(try problems(["--a" + String(repeating: "\u{1B}[2J", count: 100_000)]) == ["unknown flag --a…"])
    }

    @Test(
        "only a mistake of the command line itself counts as wrong use",
        arguments: [
            (["--port", "1"], true), (["doorman.yaml"], true), (["--cache-ttl"], true),
            (["--cache-ttl", "1s", "--cache-ttl=2s"], true),
            (["--cache-ttl", "5"], false), (["--log-level", "loud"], false),
        ])
    func wrongUse(arguments: [String], isExpected: Bool) {
        let error = #expect(throws: ConfigurationError.self) { try load(arguments) }
        #expect(error?.isWrongUse == isExpected)
    }

    @Test(
        "the error of an invalid value names the flag and the valid values",
        arguments: [
            ("--cache-ttl", "60", "unit"), ("--cache-ttl", "-1s", "unit"), ("--cache-ttl", "25h", "from 0s to 24h"),
            ("--cache-ttl", "99999999999999999h", "from"), ("--server-max-frame-length", "64KB", "KiB"),
            ("--server-max-frame-length", "5MiB", "from 1B to 4MiB"), ("--server-max-connections", "many", "whole number"),
            ("--provider-proxy", "HTTPS://proxy", "must not be an https:// URL"), ("--cache-jitter", "0.1", "from 0% to 100%"),
            ("--cache-jitter", "101%", "from 0% to 100%"),
            ("--provider-retry-budget", "10", "for example 10%"),
            ("--account-kit-accept-answers-without-application", "yes", "true or false"),
            ("--log-level", "loud", "info"), ("--tls-client-auth", "yes", "required, optional"),
            ("--server-unix-socket-mode", "0o600", "octal"), ("--server-unix-socket-mode", "0800", "octal"),
            ("--server-unix-socket-mode", "1777", "octal"), ("--server-keepalive-idle", "500ms", "from 1s"),
            ("--provider-proxy", "http://operator:planted@proxy", "user name or password"), ("--cache-shards", "3", "power of two"),
            ("--account-kit-url", "https://operator:planted@host", "user name or password"), ("--cache-ttl", "1s,2s", "once"),
        ])
    func badValues(flag: String, value: String, expectation: String) throws {
        let problems = try problems([flag, value])
        #expect(problems.count == 1)
        #expect(problems.first?.contains(flag) == true)
        #expect(problems.first?.contains(expectation) == true, "\(problems)")
    }

    @Test("a problem in the file names its line")
    func lines() throws {
        let problems = try problems(file: "log: {level: info}\ncache:\n  ttl: 25h\n  negative-ttll: 1s\nserver: 5\n")
        #expect(problems.count == 3)
        for end in [
            ".yaml: line 3: cache.ttl must be from 0s to 24h",
            ".yaml: line 4: unknown setting cache.negative-ttll; did you mean cache.negative-ttl?",
            ".yaml: line 5: server is a group of settings: write their names below it, for example server: {NAME: VALUE}",
        ] {
            #expect(problems.contains { $0.hasSuffix(end) }, "\(problems)")
        }
    }

    @Test("no message repeats a value")
    func valuesStayPrivate() throws {
        let planted = "0123456789abcdef0123456789abcdef"
        let problems = try problems(
            ["--account-kit-app-secret", planted, planted, "--cache-ttl", planted],
            environment: ["DOORMAN_ACCOUNT_KIT_APP_SECRET": planted],
            file: "account-kit:\n  app-secret: \(planted)\ncache:\n  negative-ttl: \(planted)\n")
        #expect(problems.count >= 4)
        #expect(!problems.contains { $0.contains(planted) })
    }

    @Test(
        "the error of a malformed file names the file",
        arguments: [
            ("- 1\n- 2\n", "must be a YAML or JSON mapping"), ("cache: {", "line 2: "), ("42", "must be a YAML or JSON mapping"),
            ("", "must be a YAML or JSON mapping"), ("cache: [{ttl: 1s}]", "a list of anything but single values"),
        ])
    func malformedFiles(text: String, cause: String) throws {
        let problems = try problems(file: text)
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.contains("doormand-settings-") == true)
        #expect(problems.first?.contains(cause) == true, "\(problems)")
    }

    @Test("the error of a missing file names the file and the cause")
    func missingFile() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try SettingsLoader(arguments: [], environment: [:], file: "/nowhere/doormand.yaml").load()
        }
        #expect(error?.problems == ["settings file: cannot read /nowhere/doormand.yaml: no such file or directory"])
    }

    @Test("the error of an unusable file names its absolute path and the cause")
    func paths() throws {
        var settings = DoormandSettings()
        settings.accountKit.applicationID = "5432154321543210"
        settings.accountKit.url = "http://127.0.0.1:1"
        settings.caFile = "/nowhere/ca.pem"
        settings.accountKit.appSecretFile = "/dev"
        settings.portFile = "/nowhere/port"
        let error = #expect(throws: ConfigurationError.self) { try Daemon.check(settings) }
        #expect(
            error?.problems == [
                "provider.ca-file: cannot read /nowhere/ca.pem: no such file or directory",
                "server.port-file: cannot write into the file's folder: no such file or directory (/nowhere/port)",
                "account-kit.app-secret-file: cannot read /dev: it is not a regular file",
            ])
    }

    @Test("no message repeats a path that may be a secret in the wrong place")
    func pathsStayPrivate() throws {
        let planted = "0123456789abcdef0123456789abcdef"
        var settings = DoormandSettings()
        settings.accountKit.applicationID = "5432154321543210"
        settings.accountKit.url = "http://127.0.0.1:1"
        settings.caFile = planted
        settings.portFile = "\(planted)/\(planted)"
        do throws(ConfigurationError) {
            try Daemon.check(settings)
            Issue.record("the settings were accepted")
        } catch {
            #expect(error.problems.count == 2)
            #expect(!error.description.contains(planted))
        }
    }

    @Test("a file whose aliases expand to millions of values is an error", .timeLimit(.minutes(1)))
    func aliasesOfAliases() throws {
        let doubled = (1...40).map { "k\($0): &a\($0) {x: *a\($0 - 1), y: *a\($0 - 1)}\n" }.joined()
        let problems = try problems(file: "k0: &a0 {x: 1, y: 2}\n" + doubled)
        #expect(problems.count == 1)
        #expect(problems.first?.contains("holds more than 10000 values") == true)
    }

    @Test("the error of a very long key suggests no other key")
    func longKeys() throws {
        let problems = try problems(file: String(repeating: "k", count: 100_000) + ": 1")
        #expect(problems.count == 1)
        #expect(problems.first?.contains("did you mean") == false)
    }

    @Test("printed settings load as the same settings")
    func printedSettings() throws {
        let arguments = [
            "--cache-ttl", "1500ms", "--server-unix-socket", "/run/doorman: a \"socket\".sock", "--account-kit-application-id",
            "123", "--provider-ca-file", "a \"\u{301}quote\" \\ and\nbreaks\r\u{85}\u{2028}\t\u{7}é😀",
        ]
        let loaded = try load(arguments)
        let text = SettingsPrinter.text(loaded)
        let again = try load(file: text)
        for setting in SettingsCatalogue.all { #expect(setting.read(again.settings) == setting.read(loaded.settings)) }
        #expect(text.contains("ttl: 1500ms  # flag --cache-ttl"))
        #expect(text.contains("max-entries: 60000  # default"))
    }

    @Test(
        "an address is a host and a port",
        arguments: [
            ("127.0.0.1:7117", "127.0.0.1", 7117), ("[::1]:0", "::1", 0), ("localhost:65535", "localhost", 65535),
        ])
    func address(text: String, host: String, port: Int) throws {
        var settings = DoormandSettings()
        settings.address = text
        let tcp = try #require(try settings.serverSettings().tcp)
        #expect(tcp.host == host)
        #expect(tcp.port == port)
    }

    @Test("an invalid address is an error", arguments: ["127.0.0.1", ":7117", "127.0.0.1:65536", "127.0.0.1:x", ""])
    func badAddress(text: String) {
        var settings = DoormandSettings()
        settings.address = text
        #expect(throws: ConfigurationError.self) { try settings.serverSettings() }
    }

    @Test(
        "an address that other machines reach needs TLS or the setting that allows plaintext",
        arguments: ["0.0.0.0:0", "[::]:0", "*:0"])
    func plaintext(text: String) throws {
        var settings = DoormandSettings()
        settings.address = text
        let error = #expect(throws: ConfigurationError.self) { try settings.serverSettings() }
        #expect(error?.problems.first?.contains("server.allow-plaintext-from-network") == true)
        settings.server.allowsPlaintextFromNetwork = true
        #expect(try settings.serverSettings().tcp != nil)
        settings.server.allowsPlaintextFromNetwork = false
        settings.tls.certificate = "certificate.pem"
        #expect(try settings.serverSettings().tcp != nil)
    }
}
