internal import DoormanSupport
internal import NIOCore

/// Where a Doorman server listens.
public struct DoormanTarget: Sendable, Hashable {
    /// The port that Doorman listens on unless it is told otherwise.
    public static let defaultPort = 7117

    package enum Address: Sendable, Hashable {
        case hostAndPort(String, Int)
        case unixSocket(path: String)
    }

    package let address: Address

    /// A host, by name or address, and a TCP port, 1 to 65535.
    public static func hostAndPort(_ host: String, _ port: Int = defaultPort) -> DoormanTarget {
        DoormanTarget(address: .hostAndPort(host, port))
    }

    /// A Unix socket in the file system. Its path has at most 107 bytes on Linux.
    public static func unixSocket(path: String) -> DoormanTarget {
        DoormanTarget(address: .unixSocket(path: path))
    }
}

extension DoormanTarget {
    /// The host as it was given, if that is a name.
    package var hostName: String? {
        guard case .hostAndPort(let host, let port) = address, (try? SocketAddress(ipAddress: host, port: port)) == nil else {
            return nil
        }
        return host
    }
}

extension DoormanTarget: CustomStringConvertible {
    /// In the form that ``init(parsing:)`` reads.
    public var description: String {
        switch address {
        case .hostAndPort(let host, let port): HostAndPort(host: host, port: port).description
        case .unixSocket(let path): "unix:\(path)"
        }
    }
}

extension DoormanTarget {
    /// Text that is no target. Says what is wrong with it, and never repeats it: it may be a token in the wrong place.
    public struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        /// What is wrong, without the text.
        public let description: String
    }

    /// Reads `host:port`, `[::1]:port` or `unix:/path`.
    public init(parsing text: some StringProtocol) throws(ParseError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard path.hasPrefix("/") else { throw ParseError(description: "a socket's path begins with '/'") }
            self = .unixSocket(path: path)
            return
        }
        do throws(HostAndPort.ParseError) {
            let parsed = try HostAndPort(parsing: text)
            self = .hostAndPort(parsed.host, parsed.port)
        } catch {
            throw ParseError(error)
        }
    }

    /// Reads several servers, separated by commas: `10.0.0.1:7117,10.0.0.2:7117`.
    public static func list(parsing text: some StringProtocol) throws(ParseError) -> [DoormanTarget] {
        var targets: [DoormanTarget] = []
        for part in Substring(text).split(separator: ",", omittingEmptySubsequences: false) {
            targets.append(try DoormanTarget(parsing: part.trimmed))
        }
        return targets
    }
}

extension DoormanTarget.ParseError {
    fileprivate init(_ error: HostAndPort.ParseError) {
        switch error {
        case .missingPort: description = "expected host:port, [address]:port or unix:/path"
        case .invalidPort: description = "what follows the last ':' is no port from 1 to 65535"
        case .emptyHost: description = "the host before ':' is missing"
        case .needlessBrackets: description = "brackets are for IPv6 addresses"
        case .missingBrackets: description = "write an IPv6 address as [address]:port"
        }
    }
}

extension Substring {
    /// Without the blanks around it.
    fileprivate var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
