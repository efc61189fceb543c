internal import DoormanPlatform
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOSSLExtras

/// Why a connection to a server could not be opened, or was lost. The text is for the operator, and holds no secret.
struct ConnectionFailure: Error, Sendable, Hashable, CustomStringConvertible {
    let description: String

    private init(description: String) {
        self.description = description
    }

    static let closed = ConnectionFailure(description: "the server closed the connection")
    static let timedOut = ConnectionFailure(description: "the server did not accept the connection in time")
    static let handshakeTimedOut = ConnectionFailure(description: "no TLS handshake in time: does the server speak TLS?")
    private static let noAddress = ConnectionFailure(description: "the name has no address")

    init(_ error: any Error) {
        switch error {
        case let error as ConnectionFailure: self = error
        case NIOSSLError.uncleanShutdown: self = .closed
        case let error as IOError where [ECONNRESET, EPIPE].contains(error.errnoCode): self = .closed
        case ChannelError.connectTimeout: self = .timedOut
        case is SocketAddressError: self = .noAddress
        case let error as NIOConnectionError: self = error.connectionErrors.first.map { Self($0.error) } ?? .noAddress
        case let error as IOError:
            // See strerror(3).
            let text = unsafe String(cString: strerror(error.errnoCode))
            self.init(description: text.prefix(1).lowercased() + text.dropFirst())
        default:
            let handshake = ClientHandshakeError(error)
            self.init(description: handshake.map { "TLS handshake failed: \($0)" } ?? "the connection can't be opened")
        }
    }
}
