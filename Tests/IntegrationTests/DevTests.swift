import Foundation
import TestKit
import Testing

@Suite("doorman dev", .timeLimit(.minutes(3)))
struct DevTests {
    private static let programs = URL(fileURLWithPath: ChildProcess.built("doorman")).deletingLastPathComponent().path

    /// Settings of the server with which a slow machine is no outage of the emulator.
    private static let patience = [
        "--", "--provider-connect-timeout", "5s", "--provider-request-timeout", "5s", "--provider-call-timeout", "10s",
        "--server-default-call-timeout", "15s",
    ]

    private func start(_ arguments: [String], in folder: URL) throws -> ChildProcess {
        try ChildProcess.ours(
            "doorman", ["dev", "--port", "0", "--emulator-port", "0"] + arguments,
            // The settings of another server must not reach this one.
            environment: ["TMPDIR": folder.path, "DOORMAN_CONFIG": "/nonexistent.yaml", "PATH": "/usr/bin:/bin"])
    }

    private func waitForStart(_ dev: ChildProcess) async throws {
        try await eventually("doorman dev has printed its text", within: .seconds(60)) {
            dev.output.contains("logs are in") || dev.output.hasSuffix("}\n") || !dev.isRunning
        }
        #expect(dev.isRunning, "\(dev.allOutput)")
    }

    private func members(_ dev: ChildProcess) throws -> [String: String] {
        try #require(try JSONSerialization.jsonObject(with: Data(dev.output.utf8)) as? [String: String])
    }

    /// Returns the command lines of a process's children. See proc(5).
    private static func childCommandLines(of parent: Int32) throws -> String {
        let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int32($0) != nil }
        return processes.map { process in
            let status = FileManager.default.contents(atPath: "/proc/\(process)/status").map { String(decoding: $0, as: UTF8.self) }
            guard status?.contains("\nPPid:\t\(parent)\n") == true else { return "" }
            return FileManager.default.contents(atPath: "/proc/\(process)/cmdline").map { String(decoding: $0, as: UTF8.self) }
                ?? ""
        }.joined()
    }

    private func files(in folder: URL) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path) }

    @Test("the printed lines for the shell run, and Ctrl-C leaves no file")
    func shell() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start([], in: folder)
            try await waitForStart(dev)
            #expect(dev.output.hasPrefix("For development only: "), "\(dev.output)")
            let lines = dev.output.split(separator: "\n").drop { $0 != "Shell:" }.dropFirst().prefix { $0.hasPrefix("  ") }
            #expect(lines.count == 6, "\(dev.output)")
            let script = (["set -e", "cd '\(folder.path)'"] + lines.map(String.init)).joined(separator: "\n")
            let shell = try ChildProcess(
                "bash", ["-c", script], environment: ["PATH": "\(Self.programs):/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
            #expect(try await shell.ending() == 0, "\(shell.allOutput)")
            #expect(shell.output.contains("phone:        +15557654321"), "\(shell.allOutput)")
            dev.interrupt()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
            #expect(try files(in: folder) == ["token"])
        }
    }

    @Test("--json prints one object with the addresses and a token that verify accepts")
    func json() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--json", "--email", "a@example.com"], in: folder)
            try await waitForStart(dev)
            let members = try members(dev)
            #expect(members["outcome"] == "running" && members["account_id"]?.isEmpty == false)
            let verify = try ChildProcess(
                ChildProcess.built("doorman"), ["verify", "--address", members["address"] ?? ""],
                environment: ["SWIFT_BACKTRACE": "enable=no"], input: members["token"] ?? "")
            #expect(try await verify.ending() == 0, "\(verify.allOutput)")
            #expect(verify.output.contains("a@example.com"))
            dev.terminate()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
        }
    }

    @Test("with --kind jwt the printed lines run, and the server verifies tokens of the emulator's issuer")
    func jwt() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--kind", "jwt"], in: folder)
            try await waitForStart(dev)
            #expect(dev.output.contains("audience:") && dev.output.contains("/oidc"), "\(dev.output)")
            let lines = dev.output.split(separator: "\n").drop { $0 != "Shell:" }.dropFirst().prefix { $0.hasPrefix("  ") }
            #expect(lines.count == 5, "\(dev.output)")
            let script = (["set -e", "cd '\(folder.path)'"] + lines.map(String.init)).joined(separator: "\n")
            let shell = try ChildProcess(
                "bash", ["-c", script], environment: ["PATH": "\(Self.programs):/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
            #expect(try await shell.ending() == 0, "\(shell.allOutput)")
            #expect(shell.output.contains("phone:        +15557654321"), "\(shell.allOutput)")
            dev.interrupt()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
            #expect(try files(in: folder) == ["token"])
        }
    }

    @Test("with --kind jwt the server accepts tokens of new keys, and logs no token")
    func rotatedKeys() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--kind", "jwt", "--json"] + Self.patience, in: folder)
            try await waitForStart(dev)
            let members = try members(dev)
            let commands = """
                curl -sS -f -X POST "$DOORMAN_EMULATOR/emulator/rotate-keys?old=keep"
                doorman verify --token-file old --max-age 1s
                doorman dev login --kind jwt --email new@example.com > new
                doorman verify --token-file new
                ! grep -q eyJ "$LOG"
                """
            try Data((members["token"] ?? "").utf8).write(to: folder.appendingPathComponent("old"))
            let shell = try ChildProcess(
                "bash", ["-c", "set -e\ncd '\(folder.path)'\n" + commands],
                environment: [
                    "PATH": "\(Self.programs):/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no",
                    "DOORMAN_ADDRESS": members["address"] ?? "", "DOORMAN_EMULATOR": members["emulator"] ?? "",
                    "LOG": members["server_log"] ?? "",
                ])
            #expect(try await shell.ending() == 0, "\(shell.allOutput)")
            #expect(shell.output.contains("new@example.com"), "\(shell.allOutput)")
            dev.terminate()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
        }
    }

    @Test("with --kind jwt, --json names the issuer of the token")
    func jwtAsJSON() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--kind", "jwt", "--json"], in: folder)
            try await waitForStart(dev)
            let members = try members(dev)
            #expect(members["kind"] == "jwt" && members["issuer"] == (members["emulator"] ?? "") + "/oidc")
            #expect(members["token"]?.hasPrefix("eyJ") == true)
            dev.terminate()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
        }
    }

    /// Runs `doorman` and returns its exit code with its output.
    private func doorman(
        _ arguments: [String], input: String = "", environment: [String: String]
    ) async throws -> (code: Int32, output: String) {
        let program = try ChildProcess(
            ChildProcess.built("doorman"), arguments, environment: environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 },
            input: input)
        return (try await program.ending(), program.allOutput)
    }

    @Test("with --kind jwt a login with a scope is verified, forbidden without the scope, and rejected after its revocation")
    func scopesOfJWT() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--kind", "jwt", "--json"] + Self.patience, in: folder)
            try await waitForStart(dev)
            let members = try members(dev)
            let environment = ["DOORMAN_ADDRESS": members["address"] ?? "", "DOORMAN_EMULATOR": members["emulator"] ?? ""]
            let login = ["dev", "login", "--kind", "jwt", "--email", "b@example.com", "--scope", "orders:read"]
            let token = try await doorman(login, environment: environment)
            #expect(token.code == 0 && token.output.hasPrefix("eyJ"), "\(token.output)")
            func run(_ arguments: String...) async throws -> (code: Int32, output: String) {
                try await doorman(arguments, input: token.output, environment: environment)
            }
            let allowed = try await run("verify", "--require-scope", "orders:read")
            #expect(allowed.code == 0 && allowed.output.contains("b@example.com"), "\(allowed.output)")
            let forbidden = try await run("verify", "--require-scope", "orders:write")
            #expect(forbidden.code == 1 && forbidden.output.contains("INSUFFICIENT_SCOPE"), "\(forbidden.output)")
            #expect(try await run("verify").code == 0)
            #expect(try await run("revoke").code == 0)
            let rejected = try await run("verify")
            #expect(rejected.code == 1 && rejected.output.contains("TOKEN_REJECTED"), "\(rejected.output)")
            dev.interrupt()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
        }
    }

    @Test("no child outlives a killed doorman dev")
    func killed() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--json"], in: folder)
            try await waitForStart(dev)
            let members = try members(dev)
            let ports = [members["address"], members["emulator"]].compactMap { $0?.split(separator: ":").last.flatMap { Int($0) } }
            #expect(ports.count == 2)
            dev.killAtOnce()
            for port in ports {
                try await eventually("nothing listens on port \(port)") {
                    guard let peer = try? RawPeer.connect(port: port) else { return true }
                    peer.close()
                    return false
                }
            }
        }
    }

    @Test(
        "what the user gave wrong is exit 2, and a child that refuses it is named with the end of its log",
        arguments: [
            (["--", "--cache-tll", "5s"], "doormand ended with exit code 64", "--cache-tll"),
            (["--seed", "/nonexistent.json"], "--seed: cannot read the file: no such file or directory", ""),
            (["--port", "7999", "--emulator-port", "7999"], "--port and --emulator-port must differ", ""),
            (["--phone", "5"], "the emulator rejects the login: phone: must be", ""),
        ])
    func failures(arguments: [String], message: String, log: String) async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(arguments, in: folder)
            #expect(try await dev.ending() == 2)
            #expect(dev.output.isEmpty && dev.errorOutput.contains("doorman: \(message)"), "\(dev.allOutput)")
            #expect(log.isEmpty || dev.errorOutput.contains(log), "\(dev.allOutput)")
            #expect(try files(in: folder).isEmpty)
        }
    }

    @Test("with --json a failure is one object, too")
    func failureAsJSON() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--json", "--", "--cache-tll", "5s"], in: folder)
            #expect(try await dev.ending() == 2)
            #expect(dev.output.hasPrefix(#"{"message":"doormand ended with exit code 64","next":"#), "\(dev.allOutput)")
        }
    }

    @Test("no command line of a child holds the token or the secret")
    func commandLines() async throws {
        try await withTemporaryFolder { folder in
            let dev = try start(["--json"], in: folder)
            try await waitForStart(dev)
            let token = try #require(try members(dev)["token"])
            let lines = try Self.childCommandLines(of: dev.id) + dev.commandLine
            #expect(lines.contains("account-kit-emulator") && lines.contains("doormand"), "\(lines)")
            #expect(!lines.contains(token) && !lines.contains(Stack.ours.secret))
            dev.interrupt()
            #expect(try await dev.ending() == 0)
        }
    }

    @Test("--log-folder keeps the logs, which contain no token")
    func logs() async throws {
        try await withTemporaryFolder { folder in
            let logs = folder.appendingPathComponent("logs")
            try FileManager.default.createDirectory(at: logs, withIntermediateDirectories: true)
            let dev = try start(["--json", "--log-folder", logs.path], in: folder)
            try await waitForStart(dev)
            dev.interrupt()
            #expect(try await dev.ending() == 0, "\(dev.allOutput)")
            #expect(try files(in: logs).sorted() == ["account-kit-emulator.log", "doormand.log"])
            let log = try String(contentsOf: logs.appendingPathComponent("doormand.log"), encoding: .utf8)
            // The server has ended by itself, before it would have been killed.
            #expect(log.contains("listening") && log.contains("drained") && !log.contains("EMAW"), "\(log)")
        }
    }

    @Test("a program that is not installed is named, with the way to install it")
    func notInstalled() async throws {
        try await withTemporaryFolder { folder in
            let alone = folder.appendingPathComponent("doorman")
            try FileManager.default.copyItem(atPath: ChildProcess.built("doorman"), toPath: alone.path)
            let dev = try ChildProcess(alone.path, ["dev"], environment: ["PATH": "/nonexistent", "TMPDIR": folder.path])
            #expect(try await dev.ending() == 3)
            #expect(dev.errorOutput.contains("account-kit-emulator is not installed"), "\(dev.allOutput)")
            #expect(dev.errorOutput.contains("Scripts/install"), "\(dev.allOutput)")
        }
    }
}
