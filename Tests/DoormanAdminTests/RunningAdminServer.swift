import DoormanCore
import DoormanServer
import Logging
import NIOConcurrencyHelpers
import TestKit

@testable import DoormanAdmin

/// A source whose figures a test chooses.
final class ScriptedAdminSource: AdminSource {
    private struct State {
        var statistics = ServerStatistics()
        var readiness = Readiness.ready
        var isBlocked = false
    }

    private let state = NIOLockedValueBox(State())

    func set(_ statistics: ServerStatistics) { state.withLockedValue { $0.statistics = statistics } }
    func set(_ readiness: Readiness) { state.withLockedValue { $0.readiness = readiness } }
    /// Makes the statistics wait, as a blocked event loop does.
    func block() { state.withLockedValue { $0.isBlocked = true } }
    func unblock() { state.withLockedValue { $0.isBlocked = false } }

    func statistics() async -> ServerStatistics {
        while state.withLockedValue({ $0.isBlocked }) { try? await Task.sleep(for: .milliseconds(1)) }
        return state.withLockedValue { $0.statistics }
    }

    func details() async -> AdminDetails { SampleFigures.details }

    var readiness: Readiness { state.withLockedValue { $0.readiness } }
    var configuration: String { "cache:\n  ttl: 5m  # default" }
}

/// An admin server on a free port of 127.0.0.1.
struct RunningAdminServer {
    let source: ScriptedAdminSource
    let port: Int
    let recorder: LogRecorder

    static func run(
        settings change: (inout AdminSettings) -> Void = { _ in }, _ body: (RunningAdminServer) async throws -> Void
    ) async throws {
        var settings = AdminSettings()
        settings.tcp = ServerSettings.TCPAddress(host: "127.0.0.1", port: 0)
        change(&settings)
        let (source, recorder) = (ScriptedAdminSource(), LogRecorder())
        let server = AdminServer(
            settings: settings, pages: AdminPages(source, history: StatisticsHistory()), time: .system,
            logger: Logger(label: "test", factory: { _ in recorder }))
        let task = Task { try await server.run() }
        let outcome: Result<Void, any Error>
        do {
            try await eventually("the admin server listens") { !server.addresses.isEmpty }
            let port = server.addresses.compactMap(\.port).first ?? 0
            try await body(RunningAdminServer(source: source, port: port, recorder: recorder))
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        source.unblock()
        task.cancel()
        try await task.value
        try outcome.get()
    }

    func connect() throws -> RawPeer { try RawPeer.connect(port: port) }

    /// Sends a request on a connection of its own.
    func get(_ target: String, method: String = "GET", headers: [String] = []) async throws -> SocketResponse {
        try await connect().request(target, method: method, headers: headers)
    }
}
