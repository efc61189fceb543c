/// Where an account-kit-emulator listens: on this machine, in plain HTTP.
///
/// Whoever reaches an emulator may log in as anybody, so no other is taken: one that other machines reach is not for this.
package struct EmulatorAddress: Sendable, Hashable {
    /// The port that account-kit-emulator listens on unless it is told otherwise.
    package static let defaultPort = 7118
    package static let standard = EmulatorAddress(host: "127.0.0.1", port: defaultPort)

    /// An address, never a name.
    package let host: String
    /// 1 to 65535.
    package let port: Int

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}

extension EmulatorAddress: CustomStringConvertible {
    package var description: String { host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)" }
}

extension EmulatorAddress {
    /// Text that is no such address. Never repeats it.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads `http://127.0.0.1:7118`, with or without the scheme, a slash at the end, or the port.
    package init(parsing text: String) throws(ParseError) {
        guard !text.hasPrefix("https://") else {
            throw ParseError(description: "must begin with http://: an emulator on this machine is spoken to in plain HTTP")
        }
        var rest = text.hasPrefix("http://") ? text.dropFirst("http://".count) : text[...]
        if rest.last == "/" { rest = rest.dropLast() }
        let (host, port) = try Self.split(rest)
        guard let host = Self.loopback(host) else {
            throw ParseError(description: "must be on this machine: 127.0.0.1, [::1] or localhost, such as \(Self.standard)")
        }
        self.init(host: host, port: port)
    }

    private static func split(_ text: Substring) throws(ParseError) -> (host: Substring, port: Int) {
        let bracket = text.lastIndex(of: "]")
        guard let colon = text.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true else { return (text, defaultPort) }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits), (1...65_535).contains(port) else {
            throw ParseError(description: "must end with a port from 1 to 65535, such as \(standard)")
        }
        return (text[..<colon], port)
    }

    /// The address that a host of this machine stands for; nil for every other.
    private static func loopback(_ host: Substring) -> String? {
        if host == "localhost" { return standard.host }
        if host == "[::1]" { return "::1" }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127", parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
        return String(host)
    }
}
