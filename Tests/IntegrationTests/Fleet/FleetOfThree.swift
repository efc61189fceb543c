import AccountKitEmulator
import DoormanClient
import Foundation
import Logging
import TestKit

/// Three `doormand` processes on one store. An emulator in the test's process is their Account Kit, and the issuer of their JWTs.
struct FleetOfThree {
    /// A token of the fleet's providers, and its account.
    struct Token: Sendable, Hashable {
        let text: String
        let account: String
        /// Whether the nodes verify it offline.
        let isJWT: Bool
    }

    static let bound = Duration.seconds(2)

    let emulator: AccountKitEmulator
    let nodes: [FleetProcess]

    /// The requests that cost the provider something: one for each token that is looked up.
    var providerRequests: Int { emulator.statistics[.me] }

    /// Runs a fleet for as long as `body` runs. It begins when all nodes use the store and know each other.
    ///
    /// - Parameters:
    ///   - arguments: Further arguments of all nodes.
    ///   - bound: The revocation bound, as a setting. ``bound`` by default.
    ///   - store: Returns the arguments of a node that name the store.
    static func run(
        _ arguments: [String] = [], bound: String = "2s", store: (_ node: Int) -> [String],
        _ body: (FleetOfThree) async throws -> Void
    ) async throws {
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        let outcome: Result<Void, any Error>
        do {
            try await withTemporaryFolder { folder in
                let shared = try writeFiles(to: folder, emulator) + ["--fleet-revocation-bound", bound] + arguments
                let nodes = try (0..<3).map { try FleetProcess(shared + store($0)) }
                let fleet = FleetOfThree(emulator: emulator, nodes: nodes)
                do {
                    for node in nodes { try node.start() }
                    try await fleet.waitUntilCaughtUp()
                    try await body(fleet)
                } catch {
                    for node in nodes { await node.client.close() }
                    throw NeverHappened(description: "\(error)\n\(nodes.map { $0.output.suffix(1500) }.joined(separator: "\n"))")
                }
                for node in nodes { await node.client.close() }
                for node in nodes { try await node.stop() }
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await emulator.stop()
        try outcome.get()
    }

    /// Returns the arguments for a store without TLS.
    static func plain(_ store: RedisServer) -> [String] { ["--fleet-store", "redis://127.0.0.1:\(store.port)"] }

    /// - Returns: The arguments that are the same at all nodes.
    private static func writeFiles(to folder: URL, _ emulator: AccountKitEmulator) throws -> [String] {
        func write(_ text: String, _ name: String) throws -> String {
            let file = folder.appendingPathComponent(name)
            try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            return file.path
        }
        let appSecret = try write(Stack.ours.secret, "app-secret")
        let providers = """
            - {name: accounts, kind: account-kit, url: "\(emulator.baseURL)", application-id: "\(Stack.ours.id)", app-secret-file: "\(appSecret)"}
            - {name: issuer, kind: jwt, issuer: "\(emulator.issuer)", audience: [orders-api]}
            """
        return [
            "--provider-file", try write(providers, "providers.yaml"), "--fleet-secret-file", try write(FleetStage.secret, "fleet"),
            "--provider-max-calls-per-second", "100000", "--provider-calls-burst", "100000",
            "--authorization-misses-per-second", "100000", "--authorization-misses-burst", "100000",
            "--authorization-network-misses-per-second", "0",
        ]
    }

    // MARK: - Nodes

    func waitUntilCaughtUp() async throws {
        try await eventually("all nodes use the store and know each other", within: .seconds(60)) {
            for node in nodes where try await !node.isCaughtUp(servers: 3) { return false }
            return true
        }
    }

    // MARK: - Tokens

    /// Issues tokens of Account Kit for new accounts.
    func accountKitTokens(_ count: Int) throws -> [Token] {
        try (0..<count).map { _ in
            let text = try emulator.logIn(email: "\(UUID().uuidString)@example.com")
            return Token(text: text, account: emulator.account(ofToken: text) ?? "", isJWT: false)
        }
    }

    /// Issues JWTs for new accounts.
    func jwts(_ count: Int) throws -> [Token] {
        try (0..<count).map { _ in
            let text = try emulator.issueJWT(AccessTokenRequest(lifetime: 3600), email: "\(UUID().uuidString)@example.com")
            return Token(text: text, account: try Self.subject(of: text), isJWT: true)
        }
    }

    private static func subject(of token: String) throws -> String {
        struct Claims: Decodable { let sub: String }
        var payload = String(token.split(separator: ".")[1]).replacing("-", with: "+").replacing("_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
        return try JSONDecoder().decode(Claims.self, from: Data(base64Encoded: payload) ?? Data()).sub
    }

    /// Verifies tokens at a node until each has its identity.
    func fill(_ node: FleetProcess, _ tokens: [Token]) async throws {
        for token in tokens {
            try await eventually("a token is verified", within: .seconds(60)) { await node.verify(token) == .identity }
        }
    }
}
