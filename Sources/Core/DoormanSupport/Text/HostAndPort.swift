/// A host with a TCP port, written as `host:port` or `[address]:port` (RFC 3986, section 3.2).
package struct HostAndPort: Sendable, Hashable {
    /// A host name or an address, without the brackets of IPv6.
    package let host: String
    /// The port: 1 to 65535.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// The reason why a text can't be parsed.
    package enum ParseError: Error, Sendable, Hashable {
        case missingPort
        /// The port is not a number from 1 to 65535.
        case invalidPort
        case emptyHost
        /// A name or an IPv4 address is in brackets.
        case needlessBrackets
        /// An IPv6 address is not in brackets.
        case missingBrackets
    }

    /// Parses a host with a port.
    ///
    /// - Parameter defaultPort: The port if the text has none; `nil` to require a port in the text.
    package init(parsing text: some StringProtocol, defaultPort: Int? = nil) throws(ParseError) {
        let closingBracket = text.lastIndex(of: "]")
        if let colon = text.lastIndex(of: ":"), closingBracket.map({ $0 < colon }) ?? true {
            self.init(host: try Self.host(text[..<colon]), port: try Self.port(text[text.index(after: colon)...]))
        } else if let defaultPort {
            self.init(host: try Self.host(text), port: defaultPort)
        } else {
            throw .missingPort
        }
    }

    private static func host(_ text: some StringProtocol) throws(ParseError) -> String {
        if text.hasPrefix("[") && text.hasSuffix("]") {
            let address = text.dropFirst().dropLast()
            guard address.contains(":") else { throw .needlessBrackets }
            return String(address)
        }
        guard !text.isEmpty else { throw .emptyHost }
        guard !text.contains(":") else { throw .missingBrackets }
        return String(text)
    }

    private static func port(_ text: some StringProtocol) throws(ParseError) -> Int {
        guard text.utf8.allSatisfy(\.isASCIIDigit), let port = Int(text), (1...65_535).contains(port) else { throw .invalidPort }
        return port
    }
}

extension HostAndPort: CustomStringConvertible {
    /// The form that ``init(parsing:defaultPort:)`` parses.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
