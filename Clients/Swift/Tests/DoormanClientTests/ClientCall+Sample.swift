import DoormanCore
import DoormanSupport

@testable import DoormanClient

extension ClientCall {
    /// Returns a call whose task is about to wait. Tests tell calls apart by their tokens.
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

    /// Cancels the task that waits.
    func cancelWaiter() {
        _ = waiter?.cancel()
    }
}
