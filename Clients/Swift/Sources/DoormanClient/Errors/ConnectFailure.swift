internal import DoormanPlatform
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOSSLExtras

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
    /// It takes no calls at the moment.
    case notServing
    /// It is connected, and does not answer.
    case hung
    /// The TLS handshake failed, for this reason.
    case handshake(String)
    /// Our own certificates can't be used.
    case unusableTLS(String)
    case systemError(Int32)
    case other

    init(_ error: any Error) {
        switch error {
        case let error as ConnectFailure: self = error
        case let error as NIOSSLError: self = .handshake(Self.explanation(error))
        case is NIOSSLExtraError: self = .handshake("its certificate is not for this name")
        case let error as BoringSSLError: self = .handshake(Self.explanation(error))
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

    private static func explanation(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let error): explanation(error)
        case .noCertificateToValidate: "it shows no certificate"
        case .unableToValidateCertificate: "its certificate can't be checked"
        default: "TLS failed"
        }
    }

    private static func explanation(_ error: BoringSSLError) -> String {
        guard case .sslError = error else { return "TLS failed" }
        return switch error.reasons.first {
        case "CERTIFICATE_VERIFY_FAILED": "its certificate is not from a trusted authority, or has expired"
        case "WRONG_VERSION_NUMBER": "it doesn't speak TLS"
        case "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "TLSV1_CERTIFICATE_REQUIRED",
            "TLSV1_ALERT_CERTIFICATE_REQUIRED":
            "it refuses this client's certificate, or wants one"
        case let reason?: reason
        case nil: "it ended the TLS handshake"
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
        case .notServing: "it takes no calls at the moment"
        case .hung: "it accepts connections and doesn't answer"
        case .handshake(let reason): "no TLS with it: \(reason)"
        case .unusableTLS(let reason): "TLS is set up wrongly: \(reason)"
        case .systemError(let code): "system error \(code)"
        case .other: "it can't be opened"
        }
    }
}
