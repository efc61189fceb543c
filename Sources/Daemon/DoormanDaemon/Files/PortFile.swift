internal import DoormanFiles
internal import DoormanServer
internal import NIOCore
internal import ServiceLifecycle

/// Writes the server's TCP port into a file once the server listens, for servers that listen on port 0. A server that cannot listen
/// leaves the file of a running server alone. At the start of a graceful shutdown the file is removed, unless it is a successor's.
struct PortFile: Service {
    let path: String
    let server: DoormanServer

    /// Checks the path of the setting `server.port-file`. An empty path is valid.
    ///
    /// - Throws: ``ConfigurationError`` if the file could not be written.
    static func check(_ path: String) throws(ConfigurationError) {
        guard !path.isEmpty else { return }
        do throws(FileAccessError) {
            try OutputFile(path, holding: .port).check()
        } catch {
            throw unusable(path, error)
        }
    }

    func run() async throws {
        let written: WrittenFile? = try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let port = server.addresses.compactMap(\.port).first { return try write(port) }
                try? await Task.sleep(for: .milliseconds(10))
            }
            return nil
        }
        defer { written?.removeIfOwned() }
        try? await gracefulShutdown()
    }

    private func write(_ port: Int) throws(ConfigurationError) -> WrittenFile {
        do throws(FileAccessError) {
            return try OutputFile(path, holding: .port).write("\(port)\n")
        } catch {
            throw Self.unusable(path, error)
        }
    }

    private static func unusable(_ path: String, _ error: FileAccessError) -> ConfigurationError {
        ConfigurationError(problems: ["server.port-file: \(error.cause)\(UnreadableFile.suffix(path))"])
    }
}
