import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import Logging
import NIOPosix
import TestKit

/// Runs a server with the HTTP API on a free port while `body` runs.
func withHTTPServer(
    _ provider: ScriptedProvider = .byToken(), _ configuration: ReloadableHTTPConfiguration = ReloadableHTTPConfiguration(),
    tls: ServerTLS? = nil, log: LogRecorder = LogRecorder(),
    settings change: (inout ServerSettings) -> Void = { _ in },
    _ body: (_ server: DoormanServer, _ port: Int) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.tcp = .init(host: "127.0.0.1", port: 0)
    settings.connection.drainQuietPeriod = .milliseconds(50)
    settings.connectionsPerCaller = 1
    settings.callsInFlightPerCaller = 1
    change(&settings)
    let server = DoormanServer(
        settings: settings, backend: ScriptedBackend.test(provider), tls: tls,
        endpoints: [.http1: HTTP1Endpoint(configuration)],
        group: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test", factory: { _ in log }))
    try await server.start()
    do {
        try await body(server, server.addresses.compactMap(\.port).first ?? 0)
    } catch {
        provider.release()
        await server.stop()
        throw error
    }
    provider.release()
    await server.stop()
}

extension DoormanServer {
    /// Returns how many connections were closed for this reason.
    func closed(_ reason: String) async -> UInt64 { await counters().connectionsClosed[reason] ?? 0 }
}
