internal import DoormanPlatform
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOSSLExtras

/// The reason why a connection could not be established or used. Its description is for the person who runs the service.
package enum ConnectFailure: Error, Hashable, CustomStringConvertible {
    case refused
    case noSuchName
    /// The name could not be looked up, for this reason.
    case lookUpFailed(String)
    /// The target's port is not from 1 to 65535.
    case invalidPort
    case noSuchSocket
    case pathTooLong
    case notAllowed
    case timedOut
    /// The peer accepted the connection, and closed it before it sent a response.
    case closedByPeer
    /// The server responded to a health check that it takes no calls.
    case notServing
    /// The server accepts connections and does not respond.
    case hung
    /// The client has no connection to this address of a name.
    case notInUse
    /// The TLS handshake failed for this reason.
    case handshake(String)
    /// This client's TLS files can't be used, for this reason.
    case unusableTLS(String)
    case systemError(Int32)
    case other

    package init(_ error: any Error) {
        // The end of an established connection without TLS's own farewell, as when a server is killed. It is no failure of TLS.
        if case NIOSSLError.uncleanShutdown = error {
            self = .closedByPeer
            return
        }
        if let error = ClientHandshakeError(error) {
            self = .handshake(error.description)
            return
        }
        switch error {
        case let error as ConnectFailure: self = error
        case let error as DoormanTLS.Unusable: self = .unusableTLS(error.description)
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first {
                self.init(first.error)
            } else {
                self = error.dnsAError != nil || error.dnsAAAAError != nil ? .noSuchName : .other
            }
        case ChannelError.connectTimeout: self = .timedOut
        case SocketAddressError.unixDomainSocketPathTooLong: self = .pathTooLong
        case is SocketAddressError: self = .noSuchName
        case let error as IOError:
            switch error.errnoCode {
            case ECONNREFUSED: self = .refused
            case ENOENT: self = .noSuchSocket
            case EACCES, EPERM: self = .notAllowed
            case ETIMEDOUT: self = .timedOut
            case ECONNRESET: self = .closedByPeer
            case let code: self = .systemError(code)
            }
        default: self = .other
        }
    }

    /// Returns the system's text for an error code, as part of a sentence. See strerror(3).
    static func text(of code: Int32) -> String {
        let text = unsafe String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    /// The word in all messages about TLS.
    static let tls = "TLS"

    package var description: String {
        switch self {
        case .refused: "connection refused: no server listens on this address"
        case .noSuchName: "the name has no address"
        case .lookUpFailed(let reason): "the name can't be looked up: \(reason)"
        case .invalidPort: "the port is not from 1 to 65535"
        case .noSuchSocket: "the socket file does not exist"
        case .pathTooLong: "the socket's path is too long"
        case .notAllowed: "permission denied"
        case .timedOut: "the connection timed out"
        case .closedByPeer: "the server closed the connection before it responded"
        case .notServing: "the server is not serving"
        case .hung: "the server accepts connections and doesn't respond"
        case .notInUse: "the client doesn't use this address: maximumServers limits them, or the name has lost it"
        case .handshake(let reason): "\(Self.tls) handshake failed: \(reason)"
        case .unusableTLS(let reason): "invalid \(Self.tls) configuration: \(reason)"
        case .systemError(let code): Self.text(of: code)
        case .other: "the connection can't be opened"
        }
    }
}
