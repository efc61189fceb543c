internal import DoormanPlatform
internal import NIOSSLExtras

/// The cause of a failed connection, as far as the next step depends on it. ``UnavailableReason/unreachable`` is the same for all causes.
package enum ConnectFailureCause: Sendable, CaseIterable {
    // A message may have the words of several causes. The first one counts.
    case certificateExpired
    case certificateNotYetValid
    case untrustedAuthority
    case otherServerName
    case clientCertificate
    case closedDuringHandshake
    case silentServer
    case noTLS
    case otherTLSFailure
    case unknownName
    case notAllowed
    case timedOut
    case noNetwork

    /// Finds the cause in the message of an error; `nil` if it has the words of none.
    package init?(in message: String) {
        guard let cause = Self.allCases.first(where: { message.contains($0.words) }) else { return nil }
        self = cause
    }

    private var words: String {
        switch self {
        case .certificateExpired: HandshakeWords.expired
        case .certificateNotYetValid: HandshakeWords.notYetValid
        case .untrustedAuthority: HandshakeWords.untrusted
        case .otherServerName: HandshakeWords.otherName
        case .clientCertificate: HandshakeWords.clientCertificate
        case .closedDuringHandshake: HandshakeWords.closed
        case .silentServer: ConnectFailure.hung.description
        case .noTLS: HandshakeWords.notTLS
        case .otherTLSFailure: ConnectFailure.tls
        case .unknownName: ConnectFailure.noSuchName.description
        case .notAllowed: ConnectFailure.notAllowed.description
        case .timedOut: ConnectFailure.timedOut.description
        case .noNetwork: ConnectFailure.systemError(ENETUNREACH).description
        }
    }
}
