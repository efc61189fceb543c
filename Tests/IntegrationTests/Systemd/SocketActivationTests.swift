import Foundation
import Glibc
import TestKit
import Testing

/// Real `doormand` processes that get listening sockets as systemd passes them.
@Suite("Socket activation", .serialized, .timeLimit(.minutes(3)))
struct SocketActivationTests {
    private static let address = ["--server-address", "systemd"]
    private static let unixSocket = ["--server-address", "", "--server-unix-socket", "systemd"]

    private static func variables(_ count: Int, names: String? = nil, process: String = "$$") -> [String: String] {
        [
            "LISTEN_PID": process, "LISTEN_FDS": "\(count)",
            "LISTEN_FDNAMES": names ?? Array(repeating: "doormand", count: count).joined(separator: ":"),
        ]
    }

    @Test("TCP sockets and a Unix socket of the service manager serve")
    func serving() async throws {
        try await withTemporaryFolder { folder in
            let (first, second) = (try TestSocket.tcp(), try TestSocket.tcp())
            let (path, portFile) = (folder.appendingPathComponent("socket").path, folder.appendingPathComponent("port"))
            let unix = try TestSocket.unix(path)
            let doormand = try ManagedDoormand.start(
                Self.address + ["--server-unix-socket", "systemd", "--server-port-file", portFile.path],
                variables: Self.variables(3), sockets: [first, unix, second])
            #expect(try await doormand.port(from: portFile) == first.port)
            #expect(try await ManagedDoormand.isServing(.connect(port: first.port)))
            #expect(try await ManagedDoormand.isServing(.connect(port: second.port)))
            #expect(try await ManagedDoormand.isServing(.connect(unixPath: path)))
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
            #expect(FileManager.default.fileExists(atPath: path), "the file is the service manager's")
        }
    }

    @Test("a connection that begins between two servers is served by the second", arguments: [false, true])
    func restart(isUnix: Bool) async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appendingPathComponent("socket").path
            let socket = try isUnix ? TestSocket.unix(path) : TestSocket.tcp()
            func connect() throws -> RawPeer { try isUnix ? .connect(unixPath: path) : .connect(port: socket.port) }
            func start() throws -> ChildProcess {
                try ManagedDoormand.start(
                    isUnix ? Self.unixSocket : Self.address, variables: Self.variables(1), sockets: [socket])
            }
            let first = try start()
            #expect(try await ManagedDoormand.isServing(connect()))
            first.terminate()
            #expect(try await first.ending() == 0, "\(first.allOutput)")
            let waiting = try (0..<8).map { _ in try connect() }
            let second = try start()
            for peer in waiting {
                #expect(try await ManagedDoormand.isServing(peer))
                // The drain would wait for it.
                peer.close()
            }
            second.terminate()
            #expect(try await second.ending() == 0, "\(second.allOutput)")
        }
    }

    private struct Mistake: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let arguments: [String]
        var variables = SocketActivationTests.variables(1)
        var sockets: @Sendable (_ folder: URL) throws -> [TestSocket] = { _ in [try .tcp()] }
        let problem: String
    }

    private static let mistakes = [
        Mistake(
            testDescription: "not activated", arguments: address, variables: [:],
            problem: "server.address: the service manager passed no socket (LISTEN_FDS and LISTEN_PID are not set)"),
        Mistake(
            testDescription: "another process", arguments: address, variables: variables(1, process: "1"),
            problem: "server.address: the sockets are for process 1 (LISTEN_PID), and this is process "),
        Mistake(
            testDescription: "no socket at the descriptor", arguments: address, sockets: { _ in [] },
            problem: "socket 1 of the service manager (doormand) is not a socket"),
        Mistake(
            testDescription: "a datagram socket", arguments: unixSocket,
            sockets: { [try .unix($0.appendingPathComponent("socket").path, type: SOCK_DGRAM)] },
            problem: "socket 1 of the service manager (doormand) must be a stream socket"),
        Mistake(
            testDescription: "a socket that does not listen", arguments: address,
            sockets: { _ in [try .tcp(backlog: nil)] },
            problem: "socket 1 of the service manager (doormand) must listen: set Accept=no"),
        Mistake(
            testDescription: "another name", arguments: address, variables: variables(1, names: "doormand.socket"),
            problem:
                "socket 1 of the service manager (doormand.socket) must have the name doormand: set FileDescriptorName=doormand"),
        Mistake(
            testDescription: "no setting for a socket", arguments: ["--server-address", "127.0.0.1:0"],
            problem: "has no setting that takes it: set server.address to systemd, or remove it from the socket unit"),
        Mistake(
            testDescription: "no setting for one of several", arguments: address, variables: variables(2),
            sockets: { [try .tcp(), try .unix($0.appendingPathComponent("socket").path)] },
            problem: "socket 2 of the service manager (doormand) has no setting that takes it: set server.unix-socket to systemd"),
        Mistake(
            testDescription: "no socket for a setting", arguments: address + ["--server-unix-socket", "systemd"],
            problem: "server.unix-socket: the service manager passed no such socket: add it to the socket unit"),
        Mistake(
            testDescription: "plain TCP from the network", arguments: address, sockets: { _ in [try .tcp(0)] },
            problem:
                "socket 1 of the service manager (doormand) can't be used: other machines can reach this address, and TLS is off"),
        Mistake(
            testDescription: "a malformed count", arguments: address,
            variables: ["LISTEN_PID": "$$", "LISTEN_FDS": "100000"], problem: "LISTEN_FDS must be at most 64"),
    ]

    @Test("a mistake of the units is a clear error, and ends the start with 78", arguments: mistakes)
    private func mistake(mistake: Mistake) async throws {
        try await withTemporaryFolder { folder in
            let doormand = try ManagedDoormand.start(
                mistake.arguments, variables: mistake.variables, sockets: try mistake.sockets(folder))
            #expect(try await doormand.ending() == 78, "\(doormand.allOutput)")
            #expect(doormand.errorOutput.contains("doormand: \(mistake.problem)") || doormand.errorOutput.contains(mistake.problem))
        }
    }

    @Test("the check of settings needs no sockets")
    func check() async throws {
        let check = try ManagedDoormand.start(Self.address + ["--check-config"], variables: [:])
        #expect(try await check.ending() == 0, "\(check.allOutput)")
    }

    private static let activator = "/usr/bin/systemd-socket-activate"

    @Test("systemd's own tool starts the server", .enabled(if: FileManager.default.isExecutableFile(atPath: activator)))
    func activated() async throws {
        let port = try FreePort.find()
        let activator = try ChildProcess(
            Self.activator,
            ["-l", "127.0.0.1:\(port)", "--fdname=doormand", ChildProcess.built("doormand")] + ManagedDoormand.providerArguments
                + Self.address, environment: ["SWIFT_BACKTRACE": "enable=no"])
        try await eventually("the tool listens") { (try? RawPeer.connect(port: port)) != nil || !activator.isRunning }
        #expect(try await ManagedDoormand.isServing(.connect(port: port)), "\(activator.allOutput)")
        // The tool has executed the server.
        activator.terminate()
        #expect(try await activator.ending() == 0, "\(activator.allOutput)")
        #expect(activator.allOutput.contains("drained"))
    }
}
