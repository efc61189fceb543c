private import Foundation
private import Glibc
private import NIOConcurrencyHelpers

/// A TCP port on loopback that was free a moment ago.
///
/// It is outside the range of which the kernel gives ports to clients and to listeners without a port of their own. So none of them takes
/// the port before the test's program binds it, or while that program restarts. No port is found twice in a process: the first finder may not
/// have bound it yet.
package enum FreePort {
    private static let found = NIOLockedValueBox<Set<Int>>([])

    package static func find() throws -> Int {
        let candidates = 10_000..<max(10_000, firstEphemeralPort)
        for _ in 0..<100 where !candidates.isEmpty {
            guard let port = bindable(Int.random(in: candidates)) else { continue }
            if found.withLockedValue({ $0.insert(port).inserted }) { return port }
        }
        guard let port = bindable(0) else { throw NeverHappened(description: "no free port: errno \(errno)") }
        return port
    }

    /// The beginning of the kernel's range, see ip(7).
    private static let firstEphemeralPort: Int = {
        let range = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
        return range?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 0
    }()

    /// Binds a port and releases it. Returns `nil` if it is in use.
    ///
    /// - Parameter port: 0 for a port of the kernel's choice.
    private static func bindable(_ port: Int) -> Int? {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
