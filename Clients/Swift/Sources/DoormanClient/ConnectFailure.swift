internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Why a connection did not come about, in words for the person who must find out.
enum ConnectFailure: Error, Hashable, CustomStringConvertible {
    case refused
    case noSuchName
    case noSuchSocket
    case pathTooLong
    case notAllowed
    case timedOut
    /// The peer was reached and closed before it answered anything.
    case closedByPeer
    case systemError(Int32)
    case other

    init(_ error: any Error) {
        switch error {
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

    var description: String {
        switch self {
        case .refused: "connection refused, nothing listens there"
        case .noSuchName: "the name has no address"
        case .noSuchSocket: "no such socket"
        case .pathTooLong: "the socket's path is too long"
        case .notAllowed: "not allowed"
        case .timedOut: "no answer in time"
        case .closedByPeer: "the server closed the connection before it answered anything"
        case .systemError(let code): "system error \(code)"
        case .other: "it can't be opened"
        }
    }
}
