internal import DoormanServer
internal import Foundation
internal import NIOCore
internal import ServiceLifecycle

/// Writes the TCP port that the server took into a file, whole or not at all, for whoever started it with port 0. The file stays:
/// at the end it may be a successor's.
struct PortFile: Service {
    let path: String
    let server: DoormanServer

    func run() async throws {
        // One that is left from before names a port that nobody listens on.
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
