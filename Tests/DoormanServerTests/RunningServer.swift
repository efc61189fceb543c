import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Logging
import NIOPosix
import TestKit

/// Runs a server on free ports while `body` runs.
func withServer(
    _ provider: ScriptedProvider = ScriptedProvider.held(), log: LogRecorder = LogRecorder(),
    tls: ServerTLS? = nil, backend: (ScriptedProvider) -> ScriptedBackend = { ScriptedBackend($0) },
    settings change: (inout ServerSettings) -> Void = { _ in },
    _ body: (_ server: DoormanServer, _ port: Int) async throws -> Void
) async throws {
    try await withServer(
        backend: backend(provider), log: log, tls: tls, settings: change,
        beforeStop: provider.release, body)
}

/// Runs a server with any backend.
func withServer(
    backend: ScriptedBackend, log: LogRecorder = LogRecorder(), tls: ServerTLS? = nil,
    settings change: (inout ServerSettings) -> Void = { _ in }, beforeStop: () -> Void = {},
    _ body: (_ server: DoormanServer, _ port: Int) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.tcp = .init(host: "127.0.0.1", port: 0)
    settings.connection.drainQuietPeriod = .milliseconds(50)
    // The test is the only caller.
    settings.connectionsPerCaller = 1
    settings.callsInFlightPerCaller = 1
    change(&settings)
    let server = DoormanServer(
        settings: settings, backend: backend, tls: tls, group: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "test", factory: { _ in log }))
    try await server.start()
    do {
        try await body(server, server.addresses.compactMap(\.port).first ?? 0)
    } catch {
        beforeStop()
        await server.stop()
        throw error
    }
    beforeStop()
    await server.stop()
}

extension DoormanServer {
    /// Returns how many connections were closed for this reason.
    func closed(_ reason: String) async -> UInt64 {
        await counters().connectionsClosed[reason] ?? 0
    }

    /// Returns how many calls failed like this before their method mattered.
    func failures(_ failure: Failure) async -> UInt64 {
        await counters().calls.reduce(0) { count, call in
            call.key.source == .server && call.key.failure == failure ? count + call.value : count
        }
    }
}
