import DoormanClient
import Foundation
import NIOConcurrencyHelpers
import TestKit

/// A `doormand` process that is a node of a fleet. It can be stopped, and started again on its ports.
final class FleetProcess: Sendable {
    /// The result of a call.
    enum Result: Sendable, Hashable {
        /// The identity of the token's account.
        case identity
        /// Another identity.
        case wrongIdentity(String)
        case rejected
        case failed(String)
    }

    let client: DoormanClient
    let port: Int
    private let adminPort: Int
    private let arguments: [String]
    private let program = NIOLockedValueBox<ChildProcess?>(nil)

    init(_ arguments: [String]) throws {
        port = try FreePort.find()
        adminPort = try FreePort.find()
        self.arguments =
            ["--server-address", "127.0.0.1:\(port)", "--admin-address", "127.0.0.1:\(adminPort)"] + arguments
        var configuration = DoormanClientConfiguration()
        // Sanitizers and two cores are slow.
        configuration.timeout = .seconds(20)
        client = DoormanClient(target: .hostAndPort("127.0.0.1", port), configuration: configuration)
    }

    var output: String { program.withLockedValue { $0?.allOutput ?? "" } }

    func start() throws {
        let process = try ChildProcess.ours("doormand", arguments, environment: ChildProcess.patience)
        program.withLockedValue { $0 = process }
    }

    func stop() async throws {
        let process = program.withLockedValue { $0 }
        process?.terminate()
        let status = try await process?.ending()
        guard status == 0 else { throw NeverHappened(description: "doormand ended with \(status ?? 0): \(output)") }
    }

    func restart() async throws {
        try await stop()
        try start()
    }

    func verify(_ token: FleetOfThree.Token, notBefore: RevocationPosition? = nil) async -> Result {
        do throws(DoormanError) {
            let identity = try await client.verify(Token(token.text), requiring: .none, notBefore: notBefore)
            return identity.accountID == token.account ? .identity : .wrongIdentity(identity.accountID)
        } catch {
            if case .rejected = error.kind { return .rejected }
            return .failed(error.reason)
        }
    }

    /// Revokes a token.
    ///
    /// - Returns: Its position.
    func revoke(_ token: FleetOfThree.Token, timeout: Duration? = nil) async throws -> RevocationPosition? {
        try await client.revoke(Token(token.text), timeout: timeout).position
    }

    // MARK: - Metrics

    /// Returns the metrics by their names with labels.
    func metrics() async throws -> [String: Double] {
        let text = try await RawPeer.connect(port: adminPort).request("/metrics").body
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let series = lines.compactMap { line -> (String, Double)? in
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { return nil }
            return (String(line[..<space]), value)
        }
        return Dictionary(series) { first, _ in first }
    }

    func isCaughtUp(servers: Int) async throws -> Bool {
        guard let metrics = try? await metrics() else {
            let isRunning = program.withLockedValue { $0?.isRunning ?? false }
            guard isRunning else { throw NeverHappened(description: "doormand ended") }
            return false
        }
        return metrics["doorman_ready"] == 1 && metrics["doorman_fleet_up"] == 1 && metrics["doorman_fleet_caught_up"] == 1
            && metrics["doorman_fleet_servers"] == Double(servers)
    }
}
