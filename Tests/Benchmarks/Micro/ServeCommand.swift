internal import ArgumentParser
internal import DoormanCache
internal import DoormanServer
internal import Logging
internal import NIOPosix

/// The server with its cache and a provider that knows every token: for load generators and for profilers.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves from memory, behind which is a provider that knows every token.")

    @Option(help: "Port of 127.0.0.1.")
    var port = 7119

    @Option(help: "Event loops.")
    var loops = 1

    @Option(help: "Seconds until it ends.")
    var seconds = 600

    func run() async throws {
        let scene = try Scene()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        var settings = ServerSettings()
        settings.tcp = ServerSettings.TCPAddress(host: "127.0.0.1", port: port)
        let server = DoormanServer(
            settings: settings, backend: scene.backend, group: group, logger: Logger(label: "microbenchmarks"))
        try await server.start()
        try await Task.sleep(for: .seconds(seconds))
        await server.stop()
        try await group.shutdownGracefully()
    }
}
