import DoormanCore
import DoormanSupport

@testable import DoormanClient

extension ClientCall {
    /// A call that is told apart by its token, whose task is about to wait.
    static func sample(
        _ token: String = "EMAW1", deadline: UInt64 = .max, operation: Operation? = nil
    ) -> ClientCall {
        ClientCall(
            operation ?? .verify(VerificationRequest(token: Token(token))), metadata: [],
            deadline: Deadline(Instant(nanoseconds: deadline)), waiter: Waiter())
    }

    /// The token of a verify.
    var token: String {
        guard case .verify(let request) = operation else { return "" }
        return String(decoding: request.token.bytes, as: UTF8.self)
    }

    /// Takes the waiter away.
    func depart() {
        _ = waiter?.cancel()
    }
}
