package import DoormanSupport

/// The address of a server as in `rediss://store.example:6379`.
package struct StoreAddress: Sendable, Hashable {
    /// The port of an address without a port.
    package static let defaultPort = 6379

    package let address: HostAndPort
    /// Whether the scheme is `rediss`.
    package let usesTLS: Bool

    /// The error of a text that is no address. Its description repeats nothing of the text, which may hold a password.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Parses `rediss://host:port` or `redis://host:port`, an IPv6 address in brackets. The default port is 6379.
    package init(url: String) throws(ParseError) {
        guard let separator = url.firstRange(of: "://") else {
            throw ParseError(description: "it must begin with rediss:// or redis://")
        }
        switch url[..<separator.lowerBound].lowercased() {
        case "rediss": usesTLS = true
        case "redis": usesTLS = false
        default: throw ParseError(description: "its scheme must be rediss, or redis for a connection without TLS")
        }
        let rest = url[separator.upperBound...]
        if rest.contains("@") {
            throw ParseError(description: "it must not hold a user or a password, which have settings of their own")
        }
        if rest.contains(where: { "/?#".contains($0) }) {
            throw ParseError(description: "nothing may follow the port: it has no path, database, query or fragment")
        }
        guard rest.utf8.allSatisfy(\.isVisibleASCII) else {
            throw ParseError(description: "its host must be a name or an address in visible ASCII characters")
        }
        do throws(HostAndPort.ParseError) {
            address = try HostAndPort(parsing: rest, defaultPort: Self.defaultPort)
        } catch {
            throw ParseError(description: Self.text(of: error))
        }
    }

    private static func text(of error: HostAndPort.ParseError) -> String {
        switch error {
        case .missingPort, .invalidPort: "its port must be a number from 1 to 65535"
        case .emptyHost: "it has no host"
        case .needlessBrackets: "brackets are for IPv6 addresses only"
        case .missingBrackets: "an IPv6 address must be in brackets, as in rediss://[2001:db8::1]:6379"
        }
    }
}
