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

extension DoormanTarget: CustomStringConvertible {
    /// In the form that ``init(parsing:)`` reads.
    public var description: String {
        switch address {
        case .hostAndPort(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
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
        guard let colon = text.lastIndex(of: ":") else {
            throw ParseError(description: "expected host:port, [address]:port or unix:/path")
        }
        self = .hostAndPort(try Self.host(text[..<colon]), try Self.port(text[text.index(after: colon)...]))
    }

    /// Reads several servers, separated by commas: `10.0.0.1:7117,10.0.0.2:7117`.
    public static func list(parsing text: some StringProtocol) throws(ParseError) -> [DoormanTarget] {
        var targets: [DoormanTarget] = []
        for part in Substring(text).split(separator: ",", omittingEmptySubsequences: false) {
            targets.append(try DoormanTarget(parsing: part.trimmed))
        }
        return targets
    }

    private static func host(_ text: some StringProtocol) throws(ParseError) -> String {
        if text.hasPrefix("[") && text.hasSuffix("]") {
            let inner = text.dropFirst().dropLast()
            guard inner.contains(":") else { throw ParseError(description: "brackets are for IPv6 addresses") }
            return String(inner)
        }
        guard !text.isEmpty else { throw ParseError(description: "the host before ':' is missing") }
        guard !text.contains(":") else { throw ParseError(description: "write an IPv6 address as [address]:port") }
        return String(text)
    }

    private static func port(_ text: some StringProtocol) throws(ParseError) -> Int {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text), (1...65535).contains(port) else {
            throw ParseError(description: "what follows the last ':' is no port from 1 to 65535")
        }
        return port
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
