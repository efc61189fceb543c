private import Glibc

/// Reads and sets the options of sockets in this process, found by their port.
package enum SocketOptions {
    /// Returns the value of an option; `nil` if the descriptor is no socket.
    package static func value(_ descriptor: CInt, _ level: CInt, _ name: CInt) -> CInt? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return unsafe getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }

    package static func set(_ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt) -> Bool {
        unsafe withUnsafePointer(to: value) { value in
            unsafe setsockopt(descriptor, level, name, value, socklen_t(MemoryLayout<CInt>.size)) == 0
        }
    }

    /// Returns the first socket of this port that listens or that was accepted.
    package static func descriptor(port: Int, isListening: Bool) -> CInt? {
        (0..<4096).first { value($0, SOL_SOCKET, SO_ACCEPTCONN) == (isListening ? 1 : 0) && localPort($0) == port }
    }

    /// Returns the first socket whose peer is this port of a listener.
    package static func descriptor(connectedTo port: Int) -> CInt? {
        (0..<4096).first { unsafe Self.port($0, getpeername) == port }
    }

    private static func localPort(_ descriptor: CInt) -> Int? { unsafe port(descriptor, getsockname) }

    private static func port(
        _ descriptor: CInt,
        _ read: (CInt, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> CInt
    ) -> Int? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe read(descriptor, $0, &length) }
        }
        return result == 0 && address.sin_family == sa_family_t(AF_INET) ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
