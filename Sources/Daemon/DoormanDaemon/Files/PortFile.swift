internal import DoormanFiles
internal import ServiceLifecycle

/// Writes the TCP port of a listener into a file once it listens, for listeners that listen on port 0. A server that cannot listen
/// leaves the file of a running server alone. At the start of a graceful shutdown the file is removed, unless it is a successor's.
struct PortFile: Service {
    private let setting: String
    private let path: String
    /// Returns the port once the listener is open.
    private let port: @Sendable () -> Int?

    /// - Parameter setting: The setting that names the file, for messages.
    init(_ setting: String, path: String, port: @escaping @Sendable () -> Int?) {
        self.setting = setting
        self.path = path
        self.port = port
    }

    /// Checks the path of a setting. An empty path is valid.
    ///
    /// - Throws: ``ConfigurationError`` if the file could not be written.
    static func check(_ path: String, of setting: String) throws(ConfigurationError) {
        guard !path.isEmpty else { return }
        do throws(FileAccessError) {
            try OutputFile(path, holding: .port).check()
        } catch {
            throw unusable(path, of: setting, error)
        }
    }

    func run() async throws {
        let written: WrittenFile? = try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let port = port() { return try write(port) }
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
            throw Self.unusable(path, of: setting, error)
        }
    }

    private static func unusable(_ path: String, of setting: String, _ error: FileAccessError) -> ConfigurationError {
        ConfigurationError(problems: ["\(setting): \(error.cause)\(UnreadableFile.suffix(path))"])
    }
}
