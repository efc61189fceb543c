import DoormanCore
import DoormanServer
import DoormanSupport
import Logging
import Metrics
import NIOPosix
import TestKit

/// Runs a server on free ports for as long as `body` runs.
func withServer(
    _ provider: ScriptedProvider = ScriptedProvider.held(), log: LogRecorder = LogRecorder(),
    metrics: any MetricsFactory = NOOPMetricsHandler.instance, tls: ServerTLS? = nil,
    time: TimeSource = .system,
    takeMiss: @escaping AuthBackend.TakeMiss = { _, _, _ in nil }, settings change: (inout ServerSettings) -> Void = { _ in },
    _ body: (_ server: DoormanServer, _ port: Int) async throws -> Void
) async throws {
    try await withServer(
        backend: .scripted(provider, timeSource: time, takeMiss: takeMiss), log: log, metrics: metrics, tls: tls,
        settings: change, beforeStop: provider.release, body)
}

/// The same with any backend.
func withServer(
    backend: AuthBackend, log: LogRecorder = LogRecorder(), metrics: any MetricsFactory = NOOPMetricsHandler.instance,
    tls: ServerTLS? = nil, settings change: (inout ServerSettings) -> Void = { _ in }, beforeStop: () -> Void = {},
    _ body: (_ server: DoormanServer, _ port: Int) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.tcp = .init(host: "127.0.0.1", port: 0)
    settings.connection.drainQuietPeriod = .milliseconds(50)
    change(&settings)
    let server = DoormanServer(
        settings: settings, backend: backend, tls: tls, group: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "test", factory: { _ in log }), metrics: metrics)
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
