internal import ArgumentParser
internal import DoormanCache
internal import DoormanCore
internal import DoormanGRPC
internal import DoormanHTTP
internal import DoormanServer
internal import Foundation
internal import Logging
internal import NIOPosix

/// The server with its cache and a provider that accepts every token, for load generators and profilers.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve from the cache, with a provider that accepts every token.")

    @Option(help: "Port to listen on, at 127.0.0.1; 0 for a free one. The port is printed.")
    var port = 7119

    @Option(help: "Number of event loops.")
    var loops = 1

    @Option(help: "Time in seconds until the server stops.")
    var seconds = 600

    @Option(help: "Path to a file of tokens, one in a line, to fill the cache with.")
    var tokens: String?

    @Flag(help: "Serve ttrpc from a loop of epoll in place of SwiftNIO, on one thread and until a signal. Only cache hits.")
    var epoll = false

    func run() async throws {
        let scene = try Scene()
        if let tokens {
            try await scene.fill(
                try String(contentsOfFile: tokens, encoding: .utf8).split(separator: "\n").map { Token(String($0)) })
        }
        if epoll {
            let server = EpollServer(backend: scene.backend, port: UInt16(port))
            print(server.port)
            fflush(nil)
            server.run()
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        var settings = ServerSettings()
        settings.tcp = ServerSettings.TCPAddress(host: "127.0.0.1", port: port)
        let http = ReloadableHTTPConfiguration()
        var logger = Logger(label: "microbenchmarks")
        logger.logLevel = .warning
        let server = DoormanServer(
            settings: settings, backend: scene.backend, endpoints: [.http1: HTTP1Endpoint(http), .http2: HTTP2Endpoint(http)],
            group: group, logger: logger)
        try await server.start()
        print(server.addresses.first?.port ?? 0)
        fflush(nil)
        try await Task.sleep(for: .seconds(seconds))
        await server.stop()
        try await group.shutdownGracefully()
    }
}
