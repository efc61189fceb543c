import AccountKitEmulator
import DoormanClient
import Foundation
import Logging
import TestKit
import Testing

/// A `doormand` process with an admin listener, and a provider in the test's process. It can be stopped, and started again on its ports.
final class MonitoredServer {
    static let reason: Comment = "doormand has no admin listener"

    /// Whether `doormand` has the setting `admin.address`.
    static func hasAdminListener() async throws -> Bool {
        let help = try ChildProcess.ours("doormand", ["--help-all"])
        _ = try await help.ending()
        return help.output.contains("--admin-address")
    }

    let emulator: AccountKitEmulator
    let client: DoormanClient
    let port: Int
    let adminPort: Int
    /// The admin port of another server, which ``makeNeighbour(_:)`` starts.
    private let neighbour: Int
    private let folder: URL
    private var arguments: [String] = []
    private(set) var program: ChildProcess?

    private init(_ emulator: AccountKitEmulator, adminPort: Int, neighbour: Int, in folder: URL) throws {
        self.emulator = emulator
        self.adminPort = adminPort
        self.neighbour = neighbour
        self.folder = folder
        port = try FreePort.find()
        client = DoormanClient(target: .hostAndPort("127.0.0.1", port))
    }

    /// Runs an emulator, and what the body starts, for as long as the body runs.
    ///
    /// - Parameter neighbour: The admin port of another server; 0, the default, for any.
    static func run(adminPort: Int, neighbour: Int = 0, _ body: (MonitoredServer) async throws -> Void) async throws {
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        let outcome: Result<Void, any Error>
        do {
            try await withTemporaryFolder { folder in
                let server = try MonitoredServer(emulator, adminPort: adminPort, neighbour: neighbour, in: folder)
                try server.writeSecret(Stack.ours.secret)
                try server.writeSettings()
                do {
                    try await body(server)
                } catch {
                    await server.client.close()
                    throw NeverHappened(description: "\(error)\n\(server.program?.allOutput.suffix(2_000) ?? "")")
                }
                await server.client.close()
                try await server.stop()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await emulator.stop()
        try outcome.get()
    }

    /// Starts the server, and waits until it accepts connections.
    ///
    /// - Parameters:
    ///   - arguments: Further arguments; those of the last start if there are none.
    ///   - log: The file for standard error; `nil`, the default, for the test's pipe.
    func start(_ arguments: String...) async throws { try await start(arguments) }

    func start(_ arguments: [String], log: String? = nil) async throws {
        if !arguments.isEmpty { self.arguments = arguments }
        let all =
            [
                "--config", folder.appendingPathComponent("doormand.yaml").path, "--server-address", "127.0.0.1:\(port)",
                "--admin-address", "127.0.0.1:\(adminPort)",
            ] + self.arguments
        let program =
            try log.map {
                try ChildProcess(
                    "sh", ["-c", #"log=$0; exec "$@" 2>"$log""#, $0, ChildProcess.built("doormand")] + all,
                    environment: ["SWIFT_BACKTRACE": "enable=no"])
            } ?? ChildProcess.ours("doormand", all)
        self.program = program
        try await eventually("doormand listens", within: .seconds(60)) {
            guard program.isRunning else { throw NeverHappened(description: "doormand ended") }
            guard let peer = try? RawPeer.connect(port: port) else { return false }
            peer.close()
            return true
        }
    }

    /// Starts another server with the same settings, on a free port.
    func makeNeighbour(_ arguments: [String]) throws -> ChildProcess {
        try ChildProcess.ours(
            "doormand",
            [
                "--config", folder.appendingPathComponent("doormand.yaml").path, "--server-address", "127.0.0.1:0",
                "--admin-address", "127.0.0.1:\(neighbour)",
            ] + arguments)
    }

    func stop() async throws {
        program?.terminate()
        let status = try await program?.ending()
        guard status == 0 else { throw NeverHappened(description: "doormand ended with \(status ?? 0)") }
    }

    /// Writes the settings, which a reload reads.
    ///
    /// - Parameter line: A further line.
    func writeSettings(adding line: String = "") throws {
        try write(
            """
            account-kit:
              url: \(emulator.baseURL)
              application-id: "\(Stack.ours.id)"
              app-secret-file: \(folder.path)/app-secret
            reload:
              interval: 0s
            \(line)

            """)
    }

    /// Writes settings with an issuer in place of Account Kit.
    ///
    /// - Parameters:
    ///   - issuer: A path of the emulator. It has an issuer at `oidc` alone.
    ///   - audience: The audience of the tokens that are accepted. By default, that of the emulator's tokens.
    func writeIssuerSettings(issuer: String, audience: String = AccessTokenRequest.standardAudience) throws {
        try write(
            """
            jwt:
              issuer: \(emulator.baseURL)/\(issuer)
              audience: \(audience)
            reload:
              interval: 0s

            """)
    }

    /// Writes a policy that lets callers of this machine make a number of calls per second.
    ///
    /// - Returns: The arguments for a server with the policy.
    func writePolicy(callsPerSecond: Int) throws -> [String] {
        let file = folder.appendingPathComponent("policy.yaml")
        try "- callers: local\n  methods: [verify]\n  calls-per-second: \(callsPerSecond)\n"
            .write(to: file, atomically: true, encoding: .utf8)
        return ["--authorization-policy-file", file.path]
    }

    private func write(_ settings: String) throws {
        try settings.write(to: folder.appendingPathComponent("doormand.yaml"), atomically: true, encoding: .utf8)
    }

    /// Writes the app secret, which a reload reads.
    func writeSecret(_ secret: String) throws {
        let file = folder.appendingPathComponent("app-secret")
        try secret.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }

    /// Writes the secret of a fleet.
    ///
    /// - Returns: The arguments for a server of a fleet with this store.
    func fleetArguments(_ store: RedisServer, secret: String = FleetStage.secret) throws -> [String] {
        let file = folder.appendingPathComponent("fleet-secret-\(secret.prefix(8))")
        try secret.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        return ["--fleet-store", "redis://127.0.0.1:\(store.port)", "--fleet-secret-file", file.path]
    }

    /// Verifies tokens of new accounts, whatever the outcome.
    ///
    /// - Returns: The tokens.
    @discardableResult
    func verifyNewTokens(_ count: Int = 1) async throws -> [String] {
        let tokens = try (0..<count).map { _ in try emulator.logIn(phone: "+1555\(Int.random(in: 1_000_000...9_999_999))") }
        await verify(tokens)
        return tokens
    }

    /// Verifies tokens, whatever the outcome.
    func verify(_ tokens: [String]) async {
        for token in tokens { _ = try? await client.verify(token) }
    }
}
