/// A protocol that the server speaks. All of them share the listeners.
package enum ServerProtocol: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case ttrpc
    /// gRPC, and the HTTP API over HTTP/2. It begins with the preface `PRI * HTTP/2.0`.
    case http2
    /// The HTTP API over HTTP/1.1.
    case http1

    /// The protocol's name in messages. ``rawValue`` is that in the setting.
    package var description: String {
        switch self {
        case .ttrpc: "ttrpc"
        case .http2: "HTTP/2"
        case .http1: "HTTP/1.1"
        }
    }

    /// The protocol's identifier in ALPN (RFC 7301). That of ttrpc is our own.
    package var alpnIdentifier: String {
        switch self {
        case .ttrpc: "ttrpc"
        case .http2: "h2"
        case .http1: "http/1.1"
        }
    }

    /// What the first bytes of a connection tell.
    package enum Detection: Sendable, Hashable {
        /// More bytes must arrive.
        case undecided
        case detected(ServerProtocol)
        /// Bytes that begin no request of any protocol.
        case unknown
    }

    /// Tells the protocol of a connection by its first bytes.
    ///
    /// A ttrpc frame begins with 0, because its length is below 2²⁴. The preface of HTTP/2 begins with `PRI`, which is no method of
    /// HTTP/1.1. Methods are tokens of RFC 9110; all registered ones are upper-case letters.
    package static func detect(_ bytes: some Collection<UInt8>) -> Detection {
        guard let first = bytes.first else { return .undecided }
        if first == 0 { return .detected(.ttrpc) }
        guard isUpperCaseLetter(first) else { return .unknown }
        let preface: StaticString = "PRI"
        for (index, byte) in bytes.prefix(preface.utf8CodeUnitCount).enumerated() where unsafe byte != preface.utf8Start[index] {
            // SSH begins with "SSH-", which a method can't.
            return isUpperCaseLetter(byte) || index > 0 ? http1(bytes) : .unknown
        }
        return bytes.count < preface.utf8CodeUnitCount ? .undecided : .detected(.http2)
    }

    private static func http1(_ bytes: some Collection<UInt8>) -> Detection {
        let ssh = Array("SSH-".utf8)
        if bytes.starts(with: ssh) { return .unknown }
        return bytes.count < ssh.count && ssh.starts(with: bytes) ? .undecided : .detected(.http1)
    }

    private static func isUpperCaseLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}
