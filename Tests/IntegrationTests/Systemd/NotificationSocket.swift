import Foundation
import Glibc
import NIOConcurrencyHelpers
import TestKit

/// The socket on which a service manager receives notifications, see sd_notify(3).
final class NotificationSocket: Sendable {
    /// The value of `NOTIFY_SOCKET`.
    let name: String
    private let descriptor: Int32
    private let received = NIOLockedValueBox<[[String: String]]>([])
    private let lastSignOfLife = NIOLockedValueBox(ContinuousClock.now)

    /// - Parameter name: A path, or an abstract name after `@`.
    init(name: String) throws {
        self.name = name
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        try TestSocket.bind(descriptor, unixName: name)
    }

    deinit {
        close(descriptor)
    }

    /// The messages so far, without signs of life.
    var messages: [[String: String]] { receive().filter { $0["WATCHDOG"] == nil } }

    var signsOfLife: Int { receive().count { $0["WATCHDOG"] == "1" } }

    /// The time since the last sign of life.
    var silence: Duration {
        _ = receive()
        return ContinuousClock.now - lastSignOfLife.withLockedValue { $0 }
    }

    private func receive() -> [[String: String]] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while case let count = unsafe recv(descriptor, &bytes, bytes.count, 0), count > 0 {
            var message: [String: String] = [:]
            for line in String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                message[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
            }
            if message["WATCHDOG"] != nil { lastSignOfLife.withLockedValue { $0 = .now } }
            received.withLockedValue { $0.append(message) }
        }
        return received.withLockedValue { $0 }
    }
}

/// A socket that a test opens as a service manager does.
final class TestSocket: Sendable {
    let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Opens a TCP socket on a free port.
    ///
    /// - Parameter address: An IPv4 address. Loopback by default.
    static func tcp(_ address: UInt32 = 0x7F00_0001, backlog: Int32? = 16) throws -> TestSocket {
        let opened = TestSocket(socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = address.bigEndian
        let result = unsafe withUnsafePointer(to: name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(opened.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw NeverHappened(description: "bind: errno \(errno)") }
        return try opened.listening(backlog)
    }

    static func unix(_ path: String, type: __socket_type = SOCK_STREAM) throws -> TestSocket {
        let opened = TestSocket(socket(AF_UNIX, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        try bind(opened.descriptor, unixName: path)
        return try opened.listening(type == SOCK_STREAM ? 16 : nil)
    }

    private func listening(_ backlog: Int32?) throws -> TestSocket {
        guard let backlog else { return self }
        guard listen(descriptor, backlog) == 0 else { throw NeverHappened(description: "listen: errno \(errno)") }
        return self
    }

    /// The TCP port.
    var port: Int {
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeMutablePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: name.sin_port))
    }

    static func bind(_ descriptor: Int32, unixName: String) throws {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(unixName.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count)
        let result = unsafe withUnsafePointer(to: name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.bind(descriptor, $0, length) }
        }
        guard result == 0 else { throw NeverHappened(description: "bind \(unixName): errno \(errno)") }
    }
}

/// A `doormand` process as a service manager starts it. Its provider is down.
enum ManagedDoormand {
    static let providerArguments = ["--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123"]

    /// - Parameters:
    ///   - variables: The variables of the service manager. `$$` in a value is the id of the process.
    ///   - sockets: The sockets that the process gets, from descriptor 3 on.
    static func start(
        _ arguments: [String], variables: [String: String], sockets: [TestSocket] = []
    ) throws -> ChildProcess {
        let assignments = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        return try ChildProcess(
            "sh", ["-c", assignments + #" exec "$0" "$@""#, ChildProcess.built("doormand")] + providerArguments + arguments,
            environment: ["SWIFT_BACKTRACE": "enable=no"], descriptors: sockets.map(\.descriptor))
    }

    /// Returns whether a server answers a health check.
    static func isServing(_ peer: RawPeer) async throws -> Bool {
        try await peer.send(try GoldenVector.named("request-health-server").bytes)
        return try await peer.readFrame().type == 2
    }
}
