package import DoormanWire
internal import Logging

/// The reason why a connection ends.
package enum ConnectionClosing: Sendable, Hashable {
    /// The peer closed its side, and all calls are answered.
    case peerClosed
    case violation(FrameDecoder.Violation)
    /// The first bytes begin no request of any protocol.
    case unknownProtocol(firstByte: UInt8)
    /// The first bytes are of a protocol that `server.protocols` does not list.
    case protocolNotServed(ServerProtocol)
    /// The peer violated HTTP.
    case httpViolation(HTTPViolation)
    /// A request exceeded ``ConnectionLimits/frameTimeout``.
    case frameTimeout
    /// The connection was idle for ``ConnectionLimits/idleTimeout``.
    case idle
    /// The peer read nothing for ``ConnectionLimits/writeTimeout``.
    case notReading
    /// The connection drained, and then the peer closed its side. Shutdown counts as ``peerClosed``.
    case drained(DrainCause)
    /// A caller without any permission made ``ConnectionState/maximumForbiddenCalls`` calls.
    case noPermission
    /// The response said that the connection ends.
    case finished
}

/// A violation of HTTP after which a connection can't go on.
package struct HTTPViolation: Sendable, Hashable {
    /// The name in the statistics, in lower case with underscores.
    package let name: String
    /// The explanation in the log. Contains nothing that the peer sent.
    package let explanation: String

    package init(_ name: String, _ explanation: String) {
        self.name = name
        self.explanation = explanation
    }
}

extension ConnectionClosing {
    /// The reason's name in the statistics.
    var name: String {
        switch self {
        case .peerClosed: "peer_closed"
        case .violation(.notTTRPC): "not_ttrpc"
        case .violation(.frameTooLong): "frame_too_long"
        case .unknownProtocol: "unknown_protocol"
        case .protocolNotServed: "protocol_not_served"
        case .httpViolation(let violation): violation.name
        case .frameTimeout: "frame_timeout"
        case .idle: "idle"
        case .notReading: "not_reading"
        case .drained(.shutdown): "peer_closed"
        case .drained(.maximumAge): "max_connection_age"
        case .drained(.certificateExpired): "tls_client_certificate_expired"
        case .drained(.certificateRefused): "tls_client_certificate_refused"
        case .noPermission: "no_permission"
        case .finished: "finished"
        }
    }

    /// The level of the log line about it.
    var logLevel: Logger.Level {
        switch self {
        case .peerClosed, .idle, .drained(.shutdown), .drained(.maximumAge), .finished: .debug
        case .violation, .unknownProtocol, .protocolNotServed, .httpViolation, .frameTimeout, .notReading, .drained, .noPermission:
            .notice
        }
    }

    /// Whether the connection closes only after its output is written. Otherwise the peer is silent, does not read, or speaks no protocol.
    var waitsForOutput: Bool {
        switch self {
        case .peerClosed, .drained, .noPermission, .finished, .httpViolation: true
        case .violation, .unknownProtocol, .protocolNotServed, .frameTimeout, .idle, .notReading: false
        }
    }

    /// The explanation in the log: the cause, and the setting or mistake behind it.
    var explanation: String {
        switch self {
        case .peerClosed: "the peer closed the connection"
        case .violation(.notTTRPC(let firstByte)): "the first byte of a frame is \(firstByte), but that of a ttrpc frame is 0"
        case .unknownProtocol(firstByte: 0x16):
            "the first byte is 0x16: TLS on a port without TLS? Set tls.certificate-file, or connect without TLS"
        case .unknownProtocol(firstByte: UInt8(ascii: "S")): "the first byte is 'S': SSH on a port of Doorman?"
        case .unknownProtocol(let firstByte):
            "the first byte is \(firstByte), which begins no ttrpc frame and no HTTP request"
        case .violation(.frameTooLong(let length)): "a frame of \(length) bytes exceeds the 4 MiB that ttrpc allows"
        case .protocolNotServed(let other): "the peer speaks \(other), which server.protocols does not list"
        case .httpViolation(let violation): violation.explanation
        case .frameTimeout: "a request exceeded server.frame-timeout"
        case .idle: "the connection was idle for server.idle-timeout"
        case .notReading: "the peer read no responses for server.write-timeout"
        case .drained(.shutdown): "the server drains"
        case .drained(.maximumAge): "the connection reached server.max-connection-age"
        case .drained(.certificateExpired): "the caller's certificate has expired"
        case .drained(.certificateRefused):
            "the caller's certificate is not issued by an authority that is now in tls.client-ca-file"
        case .noPermission:
            "a caller without any permission made \(ConnectionState.maximumForbiddenCalls) calls: see authorization.policy-file"
        case .finished: "the last response ended the connection"
        }
    }
}
