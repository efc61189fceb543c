internal import ArgumentParser
internal import DoormanCache
internal import DoormanGRPC
internal import DoormanHTTP
internal import DoormanServer
internal import Logging
internal import NIOPosix

/// The server with its cache and a provider that accepts every token, for load generators and profilers.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve from the cache, with a provider that accepts every token.")

    @Option(help: "Port to listen on, at 127.0.0.1.")
    var port = 7119

    @Option(help: "Number of event loops.")
    var loops = 1

    @Option(help: "Time in seconds until the server stops.")
    var seconds = 600

    func run() async throws {
        let scene = try Scene()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        var settings = ServerSettings()
        settings.tcp = ServerSettings.TCPAddress(host: "127.0.0.1", port: port)
        let http = ReloadableHTTPConfiguration()
        let server = DoormanServer(
            settings: settings, backend: scene.backend, endpoints: [.http1: HTTP1Endpoint(http), .http2: HTTP2Endpoint(http)],
            group: group, logger: Logger(label: "microbenchmarks"))
        try await server.start()
        try await Task.sleep(for: .seconds(seconds))
        await server.stop()
        try await group.shutdownGracefully()
    }
}
