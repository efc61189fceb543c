internal import DoormanCore
internal import NIOConcurrencyHelpers

/// Which call of its client.
struct CallID: Sendable, Hashable {
    let number: UInt64

    init(_ number: UInt64) {
        self.number = number
    }
}

/// A call that somebody waits for.
struct Call: Sendable {
    let operation: Operation
    let deadline: Deadline
    let cancellation: Cancellation
    let continuation: CheckedContinuation<Result<Answer, DoormanError>, Never>
}

/// Whether the task behind a call was cancelled, for a call that is still on its way to its event loop.
final class Cancellation: Sendable {
    private let flag = NIOLockedValueBox(false)

    var isCancelled: Bool { flag.withLockedValue { $0 } }

    func cancel() {
        flag.withLockedValue { $0 = true }
    }
}
