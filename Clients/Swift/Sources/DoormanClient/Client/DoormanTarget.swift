internal import DoormanSupport
internal import NIOCore

/// The address of a Doorman server: a host and port, or a Unix socket.
public struct DoormanTarget: Sendable, Hashable {
    /// Doorman's default port.
    public static let defaultPort = 7117

    package enum Address: Sendable, Hashable {
        case hostAndPort(String, Int)
        case unixSocket(path: String)
    }

    package let address: Address

    /// Creates a target from a host name or IP address, and a TCP port from 1 to 65535. With another port, calls fail with
    /// ``UnavailableReason/unreachable``.
    public static func hostAndPort(_ host: String, _ port: Int = defaultPort) -> DoormanTarget {
        DoormanTarget(address: .hostAndPort(host, port))
    }

    /// Creates a target from the path of a Unix socket, at most 107 bytes on Linux.
    public static func unixSocket(path: String) -> DoormanTarget {
        DoormanTarget(address: .unixSocket(path: path))
    }
}

extension DoormanTarget {
    /// The host, a name or an IP address; `nil` for a Unix socket.
    var host: String? {
        if case .hostAndPort(let host, _) = address { host } else { nil }
    }

    /// The host if it is a name; `nil` if it is an IP address or a Unix socket.
    var hostName: String? {
        guard case .hostAndPort(let host, _) = address, (try? SocketAddress(ipAddress: host, port: 1)) == nil else { return nil }
        return host
    }
}

extension DoormanTarget: CustomStringConvertible {
    /// The text that ``init(parsing:)`` parses.
    public var description: String {
        switch address {
        case .hostAndPort(let host, let port): HostAndPort(host: host, port: port).description
        case .unixSocket(let path): "unix:\(path)"
        }
    }
}

extension DoormanTarget {
    /// The error of text that is not a target. It never contains the text, which may be a token.
    public struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        /// The syntax error.
        public let description: String
    }

    /// Parses `host:port`, `[::1]:port` or `unix:/path`. A host without a port takes ``defaultPort``.
    public init(parsing text: some StringProtocol) throws(ParseError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard path.hasPrefix("/") else { throw ParseError(description: "the path after 'unix:' must begin with '/'") }
            self = .unixSocket(path: path)
            return
        }
        guard !text.contains("://") else { throw ParseError(description: "expected host:port or unix:/path, not a URL") }
        let parsed: HostAndPort
        do throws(HostAndPort.ParseError) {
            parsed = try HostAndPort(parsing: text, defaultPort: Self.defaultPort)
        } catch {
            throw ParseError(error)
        }
        guard parsed.host.isPossibleHost else { throw ParseError(description: "the host is neither a name nor an address") }
        self = .hostAndPort(parsed.host, parsed.port)
    }

    /// Parses several targets, separated by commas: `10.0.0.1:7117,10.0.0.2:7117`.
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
        case .missingPort: description = "expected host, host:port, [address]:port or unix:/path"
        case .invalidPort: description = "the text after the last ':' is not a port from 1 to 65535"
        case .emptyHost: description = "the host before ':' is missing"
        case .needlessBrackets: description = "brackets are for IPv6 addresses"
        case .missingBrackets: description = "write an IPv6 address as [address]:port"
        }
    }
}

extension String {
    /// Whether the text can be a host: an address, or a name with labels of at most 63 bytes, 253 in all (RFC 1035, section 2.3.4).
    ///
    /// A token in place of a host is mostly longer, and must not reach a name server.
    fileprivate var isPossibleHost: Bool {
        let labels = utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return utf8.count <= 253 && labels.allSatisfy { $0.count <= 63 }
            && utf8.allSatisfy { $0.isASCIIAlphanumeric || "-._:%".utf8.contains($0) }
    }
}

extension Substring {
    /// The text without leading and trailing whitespace.
    fileprivate var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
