internal import DoormanSupport

/// The URL of a proxy, as libcurl reads it. See `CURLOPT_PROXY(3)`.
enum ProxyURL {
    private static let schemes: Set = ["http", "socks4", "socks4a", "socks5", "socks5h"]
    /// libcurl's port for a URL without one.
    private static let defaultPort = 1080

    /// Returns whether a proxy can have this URL. Empty text stands for no proxy. Without a scheme, the proxy speaks HTTP.
    static func isPossible(_ text: String) -> Bool {
        guard !text.isEmpty else { return true }
        var rest = text[...]
        if let end = text.firstRange(of: "://") {
            guard schemes.contains(text[..<end.lowerBound].lowercased()) else { return false }
            rest = text[end.upperBound...]
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let proxy = try? HostAndPort(parsing: rest, defaultPort: defaultPort) else { return false }
        return proxy.host.utf8.allSatisfy { $0.isASCIIAlphanumeric || "-._:%".utf8.contains($0) }
    }
}
