internal import DoormanServer
internal import Foundation
internal import NIOCore
internal import ServiceLifecycle

/// Writes the server's TCP port into a file atomically, for servers that listen on port 0. The file is not removed at exit, because a
/// successor may have written it by then.
struct PortFile: Service {
    let path: String
    let server: DoormanServer

    func run() async throws {
        // A file of an earlier run names a port without a listener.
        try? FileManager.default.removeItem(atPath: path)
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let port = server.addresses.compactMap(\.port).first {
                    try Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
                    break
                }
                try? await Task.sleep(for: .milliseconds(10))
            }
        }
        try? await gracefulShutdown()
    }
}
