internal import DoormanCore
package import DoormanWire

/// What became of a call. As everywhere, a refusal and a failure to ask are two things.
package enum CallOutcome: Sendable, Hashable {
    case identified
    /// The server's reason, such as `TOKEN_REJECTED`.
    case refused(String)
    /// The server's reason or code, or one of ours below.
    case failed(String)

    /// Not answered in time.
    package static let deadline = CallOutcome.failed("DEADLINE")
    /// Not sent in time: every call that may be in flight was.
    package static let notSent = CallOutcome.failed("NOT_SENT")
    /// The connection ended first.
    package static let connectionLost = CallOutcome.failed("CONNECTION_LOST")
    /// What came is not what a Doorman server sends.
    package static let protocolViolation = CallOutcome.failed("PROTOCOL_VIOLATION")
    /// The server will close the connection.
    static let draining = CallOutcome(code: .unavailable, failure: .draining)

    /// Reads the data of a response frame.
    package init(_ data: Span<UInt8>, in arena: MessageArena) {
        switch ResponseDecoder.isIdentity(data, in: arena) {
        case .success: self = .identified
        case .failure(let status): self.init(code: status.code, failure: status.failure)
        case .nonsense: self = .protocolViolation
        }
    }

    /// A reason that this version does not know is counted by its code, as there may be any number of them.
    private init(code: StatusCode, failure: Failure?) {
        switch failure {
        case .tokenRejected, .wrongApplication, .proofRejected, .malformedToken:
            self = .refused(failure?.row.reason ?? code.description)
        case let failure?: self = .failed(failure.row.reason ?? code.description)
        case nil where code == .unauthenticated: self = .refused(code.description)
        case nil: self = .failed(code.description)
        }
    }
}
