private import Glibc
private import NIOConcurrencyHelpers

/// The remote end of a connection, below any protocol. Tests use it to send what our clients never send, and to leave bytes unread.
/// Waiting suspends the task and not its thread, because servers need the few threads.
package final class RawPeer: Sendable {
    /// The error of a peer.
    package enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// The operation did not finish in time.
        case timedOut(doing: String, after: Int)
        /// The other side closed its half of the connection first.
        case ended(after: Int)
        /// The other side reset or closed the connection.
        case reset(doing: String, after: Int)
        case system(call: String, errno: Int32)

        package var description: String {
            switch self {
            case .timedOut(let doing, let count): "timed out \(doing), after \(count) bytes"
            case .ended(let count): "the other side ended the stream after \(count) bytes"
            case .reset(let doing, let count): "the connection was reset \(doing), after \(count) bytes"
            case .system(let call, let errno): "\(call) failed: errno \(errno)"
            }
        }
    }

    /// The default limit of a wait: 20 s. Only a failing test waits this long.
    package static let patience: Duration = .seconds(20)

    /// The descriptor; `nil` once closed.
    private let descriptor: NIOLockedValueBox<Int32?>

    private init(_ descriptor: Int32) {
        self.descriptor = NIOLockedValueBox(descriptor)
    }

    deinit {
        close()
    }

    /// Connects to a TCP port.
    ///
    /// - Parameters:
    ///   - host: An IPv4 address.
    ///   - receiveBuffer: The kernel's buffer in bytes for a peer that does not read (the kernel doubles it); `nil` for the kernel's default.
    package static func connect(_ host: String = "127.0.0.1", port: Int, receiveBuffer: Int32? = nil) throws -> RawPeer {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = unsafe inet_addr(host)
        return try connect(&address, family: AF_INET, receiveBuffer)
    }

    /// Connects to a Unix socket. The maximum length of the path is 107 bytes.
    package static func connect(unixPath: String, receiveBuffer: Int32? = nil) throws -> RawPeer {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array(unixPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure.system(call: "connect", errno: ENAMETOOLONG)
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        return try connect(&address, family: AF_UNIX, receiveBuffer)
    }

    private static func connect<Address>(_ address: inout Address, family: Int32, _ receiveBuffer: Int32?) throws -> RawPeer {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.system(call: "socket", errno: errno) }
        let peer = RawPeer(descriptor)
        // Set before connecting, when TCP negotiates its window scale.
        if let receiveBuffer { try peer.set(SO_RCVBUF, receiveBuffer) }
        let length = socklen_t(MemoryLayout<Address>.size)
        let result = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.connect(descriptor, $0, length) }
        }
        guard result == 0 else { throw Failure.system(call: "connect", errno: errno) }
        return peer
    }

    private func set<Value>(_ option: Int32, _ value: Value) throws {
        try withDescriptor { descriptor in
            let result = unsafe withUnsafePointer(to: value) { value in
                unsafe setsockopt(descriptor, SOL_SOCKET, option, value, socklen_t(MemoryLayout<Value>.size))
            }
            guard result == 0 else { throw Failure.system(call: "setsockopt", errno: errno) }
        }
    }
}

// MARK: Sending

extension RawPeer {
    /// Sends all bytes. An error contains the number of bytes sent, which shows that the other side has stopped reading.
    package func send(_ bytes: [UInt8], within limit: Duration = patience) async throws {
        let end = ContinuousClock.now.advanced(by: limit)
        var sent = 0
        while sent < bytes.count {
            try await wait(for: POLLOUT, until: end, doing: "sending", after: sent)
            let rest = bytes[sent...]
            let count = try withDescriptor { descriptor in
                unsafe rest.withUnsafeBytes {
                    unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                }
            }
            if count >= 0 { sent += count } else { try check(errno, doing: "sending", after: sent) }
        }
    }

    /// Closes the sending half. Reading continues.
    package func halfClose() throws {
        try withDescriptor { descriptor in
            guard shutdown(descriptor, Int32(SHUT_WR)) == 0 else { throw Failure.system(call: "shutdown", errno: errno) }
        }
    }

    /// Closes the connection. With unread bytes the kernel resets it.
    package func close() {
        let descriptor = descriptor.withLockedValue { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let descriptor { _ = Glibc.close(descriptor) }
    }

    /// Closes the connection with a reset. TCP only.
    package func reset() throws {
        try set(SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        close()
    }
}

// MARK: Reading

extension RawPeer {
    /// Reads exactly `count` bytes.
    package func read(exactly count: Int, within limit: Duration = patience) async throws -> [UInt8] {
        let end = ContinuousClock.now.advanced(by: limit)
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard let more = try await readSome(count - bytes.count, until: end, after: bytes.count) else {
                throw Failure.ended(after: bytes.count)
            }
            bytes += more
        }
        return bytes
    }

    /// Reads at least one byte, and all bytes that are there.
    package func readAvailable(within limit: Duration = patience) async throws -> [UInt8] {
        guard let bytes = try await readSome(1 << 16, until: ContinuousClock.now.advanced(by: limit), after: 0) else {
            throw Failure.ended(after: 0)
        }
        return Array(bytes)
    }

    /// Reads all bytes until the other side closes its half.
    package func readUntilEnd(within limit: Duration = patience) async throws -> [UInt8] {
        let end = ContinuousClock.now.advanced(by: limit)
        var bytes: [UInt8] = []
        while let more = try await readSome(1 << 16, until: end, after: bytes.count) { bytes += more }
        return bytes
    }

    /// Returns whether neither bytes nor the end arrive for this time.
    package func isSilent(for time: Duration) async throws -> Bool {
        do {
            try await wait(for: POLLIN, until: ContinuousClock.now.advanced(by: time), doing: "listening", after: 0)
            return false
        } catch Failure.timedOut {
            return true
        }
    }

    /// Reads a frame.
    package func readFrame(within limit: Duration = patience) async throws -> RawFrame {
        let end = ContinuousClock.now.advanced(by: limit)
        let header = try await read(exactly: 10, within: limit)
        let length = header[0..<4].reduce(0) { $0 << 8 | Int($1) }
        return RawFrame(
            streamID: header[4..<8].reduce(0) { $0 << 8 | UInt32($1) }, type: header[8], flags: header[9],
            data: try await read(exactly: length, within: max(.zero, ContinuousClock.now.duration(to: end))))
    }

    /// Reads at most `most` bytes; returns `nil` at the end of the stream.
    private func readSome(_ most: Int, until end: ContinuousClock.Instant, after count: Int) async throws -> ArraySlice<UInt8>? {
        var bytes = [UInt8](repeating: 0, count: min(most, 1 << 16))
        while true {
            try await wait(for: POLLIN, until: end, doing: "reading", after: count)
            let received = try withDescriptor { descriptor in
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
                }
            }
            if received >= 0 { return received == 0 ? nil : bytes.prefix(received) }
            try check(errno, doing: "reading", after: count)
        }
    }
}

// MARK: Waiting

extension RawPeer {
    private func withDescriptor<Result>(_ body: (Int32) throws -> Result) throws -> Result {
        guard let descriptor = descriptor.withLockedValue({ $0 }) else {
            throw Failure.system(call: "use after close", errno: EBADF)
        }
        return try body(descriptor)
    }

    private func wait(for events: Int32, until end: ContinuousClock.Instant, doing: String, after count: Int) async throws {
        while try !isReady(for: events) {
            guard ContinuousClock.now < end else { throw Failure.timedOut(doing: doing, after: count) }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private func isReady(for events: Int32) throws -> Bool {
        try withDescriptor { descriptor in
            var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let ready = unsafe poll(&watched, 1, 0)
            guard ready >= 0 || errno == EINTR else { throw Failure.system(call: "poll", errno: errno) }
            return ready > 0
        }
    }

    /// Returns for errors after which the operation can be repeated; throws for others.
    private func check(_ error: Int32, doing: String, after count: Int) throws {
        switch error {
        case EAGAIN, EINTR: return
        case ECONNRESET, EPIPE: throw Failure.reset(doing: doing, after: count)
        default: throw Failure.system(call: doing, errno: error)
        }
    }
}

/// A frame that is encoded and decoded by hand, so that tests of the codec don't depend on the codec.
package struct RawFrame: Sendable, Hashable {
    package var streamID: UInt32
    package var type: UInt8
    package var flags: UInt8
    package var data: [UInt8]

    package init(streamID: UInt32, type: UInt8, flags: UInt8 = 0, data: [UInt8]) {
        self.streamID = streamID
        self.type = type
        self.flags = flags
        self.data = data
    }

    /// The length in the header.
    package var length: Int { data.count }

    /// The frame's bytes on the wire.
    package var bytes: [UInt8] {
        func bigEndian(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        return bigEndian(UInt32(data.count)) + bigEndian(streamID) + [type, flags] + data
    }
}
