import Glibc

/// A non-blocking socket with the system calls of the scripted peer. It has the only unsafe code of these tests.
final class TestSocket: Sendable {
    struct Failure: Error {
        let call: String
        let errorNumber: Int32
    }

    enum Received: Equatable {
        case bytes([UInt8])
        case nothingYet
        case end
    }

    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        _ = Glibc.close(descriptor)
    }

    static func listening(backlog: Int32) throws -> TestSocket {
        let socket = TestSocket(try check("socket", Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | flags), 0)))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        _ = try unsafe check("bind", withAddress(of: &address) { unsafe bind(socket.descriptor, $0, $1) })
        _ = try check("listen", listen(socket.descriptor, backlog))
        return socket
    }

    static func listening(path: String) throws -> TestSocket {
        let socket = TestSocket(try check("socket", Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | flags), 0)))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        precondition(bytes.count < 108)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        _ = try unsafe check("bind", withAddress(of: &address) { unsafe bind(socket.descriptor, $0, $1) })
        _ = try check("listen", listen(socket.descriptor, 64))
        return socket
    }

    func port() throws -> UInt16 {
        var address = sockaddr_in()
        _ = try unsafe check(
            "getsockname",
            withAddress(of: &address) { pointer, length in
                var length = length
                return unsafe getsockname(descriptor, pointer, &length)
            })
        return UInt16(bigEndian: address.sin_port)
    }

    func accept() throws -> TestSocket? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        if accepted < 0 && errno == EAGAIN { return nil }
        let socket = TestSocket(try check("accept", accepted))
        _ = try check("fcntl", fcntl(accepted, F_SETFL, O_NONBLOCK))
        return socket
    }

    /// Reads the available bytes, at most 64 KiB.
    func receive() throws -> Received {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        if count < 0 && errno == EAGAIN { return .nothingYet }
        if count == 0 || (count < 0 && errno == ECONNRESET) { return .end }
        _ = try check("recv", Int32(count))
        return .bytes(Array(bytes[..<count]))
    }

    /// - Returns: The number of bytes that were sent.
    func send(_ bytes: [UInt8]) throws -> Int {
        let count = unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        if count < 0 && errno == EAGAIN { return 0 }
        return Int(try check("send", Int32(count)))
    }

    /// Shuts the socket down. The descriptor is closed with this object, so that its number is not reused before.
    func close() {
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private static func check(_ call: String, _ result: Int32) throws -> Int32 {
        guard result >= 0 else { throw Failure(call: call, errorNumber: errno) }
        return result
    }

    private func check(_ call: String, _ result: Int32) throws -> Int32 { try Self.check(call, result) }
}

private let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue

private func withAddress<Address>(
    of address: inout Address, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) throws -> Int32
) rethrows -> Int32 {
    try unsafe withUnsafeMutablePointer(to: &address) {
        try unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            try unsafe body($0, socklen_t(MemoryLayout<Address>.size))
        }
    }
}

/// Removes a socket's file.
func removeFile(_ path: String) {
    _ = unsafe unlink(path)
}
