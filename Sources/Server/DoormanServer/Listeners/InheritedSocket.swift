private import Glibc
internal import NIOCore

/// A listening socket that another process opened, such as a service manager. It stays open there when this process closes it.
package struct InheritedSocket: Sendable, Hashable {
    /// The kind of address that clients connect to.
    package enum Family: Sendable, Hashable {
        case tcp
        case unix
    }

    /// The error of a descriptor that is not a listening stream socket.
    package enum Failure: Error, CustomStringConvertible {
        case notASocket
        case notAStream
        case notListening
        case wrongFamily

        /// A phrase that follows the socket's name.
        package var description: String {
            switch self {
            case .notASocket: "is not a socket"
            case .notAStream: "must be a stream socket: use ListenStream= in the socket unit"
            case .notListening: "must listen: set Accept=no in the socket unit"
            case .wrongFamily: "must be a TCP or Unix socket"
            }
        }
    }

    let descriptor: Int32
    package let family: Family
    /// Whether clients can only be on this machine.
    package let isLoopback: Bool

    /// Takes over a descriptor. Children do not inherit it any more.
    package init(_ descriptor: Int32) throws(Failure) {
        guard let type = Self.option(SO_TYPE, of: descriptor) else { throw .notASocket }
        guard type == Int32(SOCK_STREAM.rawValue) else { throw .notAStream }
        guard Self.option(SO_ACCEPTCONN, of: descriptor) == 1 else { throw .notListening }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { throw .notASocket }
        self.descriptor = descriptor
        switch Int32(storage.ss_family) {
        case AF_INET:
            family = .tcp
            isLoopback = unsafe withUnsafeBytes(of: storage) { unsafe SocketAddress($0.load(as: sockaddr_in.self)).isLoopback }
        case AF_INET6:
            family = .tcp
            isLoopback = unsafe withUnsafeBytes(of: storage) { unsafe SocketAddress($0.load(as: sockaddr_in6.self)).isLoopback }
        case AF_UNIX:
            family = .unix
            isLoopback = true
        default: throw .wrongFamily
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}
