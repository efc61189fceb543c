import Foundation
import TestKit
import Testing

/// Mistakes of operators, each with the message and the exit code of `doormand`: 64 for the command line, 78 for the settings.
@Suite("Wrong uses of doormand", .serialized)
struct WrongUseTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var arguments: [String] = []
        var environment: [String: String] = [:]
        /// The text of the settings file; `nil` for no file. `{file}` in the arguments stands for its path.
        var file: String?
        let status: Int32
        /// The end of the line on standard error, without the program's name. `{file}` stands for the path of the settings file.
        let message: String

        var testDescription: String { message }
    }

    private static let valid = ["--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123"]

    private static let commandLine: [Mistake] = [
        Mistake(arguments: ["--port", "7117"], status: 64, message: "unknown flag --port; did you mean --server-address?"),
        Mistake(arguments: ["-p", "7117"], status: 64, message: "unknown flag -p; did you mean --server-address?"),
        Mistake(arguments: ["-pplanted"], status: 64, message: "unknown flag -p; did you mean --server-address?"),
        Mistake(arguments: ["--verbose"], status: 64, message: "unknown flag --verbose; did you mean --log-level?"),
        Mistake(arguments: ["--ttl=60s"], status: 64, message: "unknown flag --ttl; did you mean --cache-ttl?"),
        Mistake(arguments: ["--cache-tll", "60s"], status: 64, message: "unknown flag --cache-tll; did you mean --cache-ttl?"),
        Mistake(arguments: ["--issuer", "x"], status: 64, message: "unknown flag --issuer; did you mean --jwt-issuer?"),
        Mistake(
            arguments: ["--account-kit-applications-file", "x"], status: 64,
            message: "unknown flag --account-kit-applications-file; did you mean --provider-file?"),
        Mistake(arguments: ["--frobnicate"], status: 64, message: "unknown flag --frobnicate"),
        Mistake(
            arguments: ["--config-file", "{file}"], file: "", status: 64,
            message: "unknown flag --config-file; did you mean --config?"),
        Mistake(arguments: ["--validate"], status: 64, message: "unknown flag --validate; did you mean --check-config?"),
        Mistake(
            arguments: ["{file}"], file: "cache: {ttl: 5s}", status: 64,
            message: "unexpected argument: write a setting as --key value or --key=value, and the settings file as --config FILE"),
        Mistake(
            arguments: ["serve"], status: 64,
            message: "unexpected argument: write a setting as --key value or --key=value, and the settings file as --config FILE"),
        Mistake(arguments: ["--config"], status: 64, message: "missing value for --config <file>"),
        Mistake(
            arguments: ["--config", "a.yaml", "--config", "b.yaml"], status: 64,
            message: "--config must be set once: doormand reads one settings file"),
        Mistake(arguments: ["--config", ""], status: 64, message: "--config must not be empty: write the path of a settings file"),
        Mistake(
            arguments: ["--check-config=planted"], status: 64,
            message: "the option --check-config does not take any value, but … was specified."),
        Mistake(
            arguments: ["--cache-ttl"], status: 64,
            message: "cache.ttl (--cache-ttl, DOORMAN_CACHE_TTL) must be set once, to a single value"),
        Mistake(
            arguments: ["--cache-ttl", "1s", "--cache-ttl", "2s"], status: 64,
            message: "cache.ttl (--cache-ttl, DOORMAN_CACHE_TTL) must be set once, to a single value"),
    ]

    private static let values: [Mistake] = [
        Mistake(
            arguments: ["--cache-ttl", "60"], status: 78,
            message:
                "cache.ttl (--cache-ttl, DOORMAN_CACHE_TTL) must be a whole number with a unit: us, ms, s, m or h, for example "
                + "500ms or 60s"),
        Mistake(
            arguments: ["--cache-ttl", "1d"], status: 78,
            message:
                "cache.ttl (--cache-ttl, DOORMAN_CACHE_TTL) must be a whole number with a unit: us, ms, s, m or h, for example "
                + "500ms or 60s"),
        Mistake(
            arguments: ["--cache-max-bytes", "64MB"], status: 78,
            message:
                "cache.max-bytes (--cache-max-bytes, DOORMAN_CACHE_MAX_BYTES) must be a whole number with a unit: B, KiB, MiB or "
                + "GiB, for example 64KiB"),
        Mistake(
            arguments: ["--log-level", "loud"], status: 78,
            message:
                "log.level (--log-level, DOORMAN_LOG_LEVEL) must be one of trace, debug, info, notice, warning, error, critical"),
        Mistake(
            arguments: ["--cache-jitter", "0.1"], status: 78,
            message: "cache.jitter (--cache-jitter, DOORMAN_CACHE_JITTER) must be a percentage from 0% to 100%, for example 10%"),
        Mistake(
            arguments: valid + ["--server-address", "7117"], status: 78,
            message: "server.address must be host:port, for example 127.0.0.1:7117, [::1]:7117 or *:7117, or systemd"),
        Mistake(
            arguments: valid + ["--server-address", "redis://u:planted@127.0.0.1:1"], status: 78,
            message: "server.address must be host:port, for example 127.0.0.1:7117, [::1]:7117 or *:7117, or systemd"),
        Mistake(
            arguments: valid + ["--admin-address", "redis://u:planted@127.0.0.1:1"], status: 78,
            message: "admin.address must be host:port, for example 127.0.0.1:7119, [::1]:7119 or *:7119"),
        Mistake(
            arguments: valid + ["--provider-name", "redis://u:planted@h:1"], status: 78,
            message: "provider.name must have 1 to 64 letters, digits, dots, hyphens or underscores"),
        Mistake(
            arguments: valid + ["--server-address", "", "--admin-address", "", "--server-unix-socket", "planted/x"], status: 1,
            message:
                "cannot listen on the path of server.unix-socket: the lock file beside it can't be opened: No such file or "
                + "directory; create its folder, or choose another server.unix-socket"),
        Mistake(
            arguments: valid + ["--server-address", ""], status: 78,
            message: "server.address and server.unix-socket are both empty: set at least one address to listen on"),
        Mistake(
            arguments: ["--account-kit-url", "https://user:planted@host"], status: 78,
            message: "account-kit.url (--account-kit-url, DOORMAN_ACCOUNT_KIT_URL) must not contain a user name or "
                + "password"),
        Mistake(
            arguments: ["--account-kit-application-id", "123"], status: 78,
            message: "account-kit.url is required for a provider of the kind account-kit"),
        Mistake(
            arguments: ["--account-kit-url", "http://127.0.0.1:1"], status: 78,
            message: "account-kit.application-id is required for a provider of the kind account-kit"),
        Mistake(
            arguments: [], status: 78,
            message:
                "no provider is set: without one, no token can be verified. Set the settings of one kind (--jwt-issuer and "
                + "--jwt-audience; --introspection-endpoint, --introspection-client-id and --introspection-client-secret-file; "
                + "--facebook-login-application-id and --facebook-login-app-secret-file; --account-kit-url and "
                + "--account-kit-application-id), or provider.file for several. For a try, doorman dev starts a server with an "
                + "emulated provider"),
        Mistake(
            arguments: ["--jwt-issuer", "https://login.example.org"], status: 78,
            message: "jwt.audience is required for a provider of the kind jwt"),
        Mistake(
            arguments: ["--account-kit-url", "http://graph.example.org", "--account-kit-application-id", "123"], status: 78,
            message: "account-kit.url must be https://host[:port][/path], or http:// to this machine"),
    ]

    private static let files: [Mistake] = [
        Mistake(
            arguments: valid + ["--tls-certificate-file", "/nowhere/server.pem"], status: 78,
            message: "tls.private-key-file is required if another TLS file is set"),
        Mistake(
            arguments: ["--config", "/nowhere/doormand.yaml"], status: 78,
            message: "settings file: cannot read /nowhere/doormand.yaml: no such file or directory"),
        Mistake(
            arguments: ["--config", "{file}"], file: "cache:\n\tttl: 5s\n", status: 78,
            message: "{file}: line 2: found character that cannot start any token"),
        Mistake(
            arguments: ["--config", "{file}"], file: "cache:\n  ttl: 5s\n  tll: 6s\n", status: 78,
            message: "{file}: line 3: unknown setting cache.tll; did you mean cache.ttl?"),
        Mistake(
            arguments: ["--config", "{file}"], file: "cache.ttl: 5s\ncache: {ttl: 6s}\n", status: 78,
            message: "{file}: lines 1 and 2: cache.ttl is set twice"),
        Mistake(
            arguments: ["--config", "{file}"], file: "cache: {ttl: 5s, ttl: 6s}\n", status: 78,
            message: "{file}: line 1: the key ttl is set twice"),
        Mistake(
            arguments: ["--config", "{file}"], file: "\n", status: 78,
            message: "{file}: the settings file must be a YAML or JSON mapping, for example cache: {ttl: 60s}"),
        Mistake(
            arguments: ["--config", "{file}"], file: "tls: {client-ca-file: null}\n", status: 78,
            message: "{file}: line 1: tls.client-ca-file must not be empty: write a path, or none"),
        Mistake(
            arguments: ["--config", "{file}"], file: "port: 7117\n", status: 78,
            message: "{file}: line 1: unknown setting port; did you mean server.address?"),
    ]

    private static let environments: [Mistake] = [
        Mistake(
            environment: ["DOORMAN_PORT": "7117"], status: 78,
            message: "unknown environment variable DOORMAN_PORT; did you mean DOORMAN_SERVER_ADDRESS?"),
        Mistake(
            environment: ["DOORMAN_CACHE_TLL": "60s"], status: 78,
            message: "unknown environment variable DOORMAN_CACHE_TLL; did you mean DOORMAN_CACHE_TTL?"),
        Mistake(
            environment: ["DOORMAN_CONFIG": ""], status: 78,
            message: "DOORMAN_CONFIG must not be empty: write the path of a settings file, or unset the variable"),
        Mistake(
            environment: ["DOORMAN_TLS_CLIENT_CA_FILE": ""], status: 78,
            message:
                "tls.client-ca-file (--tls-client-ca-file, DOORMAN_TLS_CLIENT_CA_FILE) must not be empty: write a path, or none"),
    ]

    private func run(
        _ arguments: [String], _ environment: [String: String] = [:], file: String? = nil
    ) async throws -> (status: Int32, run: ChildProcess, path: String) {
        var result: (Int32, ChildProcess, String)?
        try await withTemporaryFolder { folder in
            let path = folder.appendingPathComponent("doormand.yaml").path
            if let file { try file.write(toFile: path, atomically: false, encoding: .utf8) }
            let run = try ChildProcess.ours("doormand", arguments.map { $0 == "{file}" ? path : $0 }, environment: environment)
            result = (try await run.ending(within: .seconds(60)), run, path)
        }
        return try #require(result)
    }

    @Test("each mistake ends doormand with a message and an exit code", arguments: commandLine + values + files + environments)
    func mistakes(mistake: Mistake) async throws {
        let (status, run, path) = try await run(mistake.arguments, mistake.environment, file: mistake.file)
        #expect(status == mistake.status)
        let message = "doormand: " + mistake.message.replacing("{file}", with: path)
        #expect(run.errorOutput.split(separator: "\n").contains { $0 == message }, "\(run.errorOutput)")
        #expect(run.output.isEmpty)
        #expect(!run.errorOutput.contains("planted"))
        #expect(run.errorOutput.contains("doormand: see doormand --help") == (mistake.status == 64))
    }

    @Test("there are at least thirty mistakes")
    func count() {
        #expect((Self.commandLine + Self.values + Self.files + Self.environments).count >= 30)
    }

    @Test("a long command line gets a short report")
    func bounded() async throws {
        let long = String(repeating: "x", count: 50_000)
        for arguments in [["--" + long], ["--check-config=" + long], ["--config=a", long], Array(repeating: "--x", count: 5_000)] {
            let (status, run, _) = try await run(arguments)
            #expect(status == 64)
            #expect(run.errorOutput.utf8.count < 4_000, "\(arguments.first?.prefix(40) ?? "")")
        }
    }

    @Test("the help fits a terminal of 80 columns", arguments: ["--help", "--help-all"])
    func width(flag: String) async throws {
        let (status, run, _) = try await run([flag])
        #expect(status == 0)
        #expect(run.output.contains("--cache-ttl"))
        #expect(run.output.contains("--cache-shards") == (flag == "--help-all"))
        for line in run.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test(
        "a text that can't be written is a failure",
        arguments: [["--print-config"], ["--example-config"], ["--config-schema"], ["--help-all"], ["--check-config"] + valid])
    func fullDisk(arguments: [String]) async throws {
        let run = try ChildProcess(
            "sh", ["-c", #"exec "$0" "$@" > /dev/full"#, ChildProcess.built("doormand")] + arguments,
            environment: ["SWIFT_BACKTRACE": "enable=no"])
        #expect(try await run.ending() == 1)
        let (warnings, last) = (run.errorOutput.split(separator: "\n").dropLast(), run.errorOutput.split(separator: "\n").last)
        #expect(last == "doormand: cannot write to standard output: no space left on device")
        #expect(warnings.allSatisfy { $0.hasPrefix("doormand: warning: ") }, "\(run.errorOutput)")
    }

    @Test("settings that are probably a mistake get a warning from the check")
    func warnings() async throws {
        let (status, run, _) = try await run(Self.valid + ["--check-config", "--cache-max-entries", "60001"])
        #expect(status == 0)
        #expect(run.output == "doormand: the settings are valid\n")
        let warning = try #require(run.errorOutput.split(separator: "\n").first { $0.contains("cache.max-entries") })
        #expect(warning.hasPrefix("doormand: warning: the cache holds more tokens than the provider can keep fresh: "))
        #expect(warning.hasSuffix("(cache.max-entries: 60001, kept-fresh: 60000)"))
    }
}
