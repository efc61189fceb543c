internal import DoormanSupport

/// The names that a browser may use for a server on its own machine. A page of another site can make the name of its own server lead to
/// 127.0.0.1 (DNS rebinding), but it can't choose the header `Host`.
package enum LoopbackHost {
    /// Whether the value of `Host` names this machine: `localhost`, an address of 127.0.0.0/8 or `[::1]`, with any port.
    package static func isValid(_ host: Span<UInt8>) -> Bool {
        // The only name with colons is in brackets.
        let name =
            host.hasPrefix("[") ? host.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } : host.firstIndex(of: UInt8(ascii: ":"))
        let end = name ?? host.count
        guard isPort(host.extracting(end..<host.count)) else { return false }
        let address = host.extracting(0..<end)
        return address.isEqual(toLowercase: "localhost") || address.isEqual(to: "[::1]") || isIPv4Loopback(address)
    }

    private static func isPort(_ port: Span<UInt8>) -> Bool {
        guard !port.isEmpty else { return true }
        guard port[0] == UInt8(ascii: ":") else { return false }
        for index in 1..<port.count where !isDigit(port[index]) { return false }
        return true
    }

    /// Whether the bytes are four numbers, the first of which is 127. Other notations of the address are no matter.
    private static func isIPv4Loopback(_ address: Span<UInt8>) -> Bool {
        guard address.hasPrefix("127."), address.count <= 15 else { return false }
        var dots = 0
        for index in address.indices {
            if address[index] == UInt8(ascii: ".") { dots += 1 } else if !isDigit(address[index]) { return false }
        }
        return dots == 3
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
