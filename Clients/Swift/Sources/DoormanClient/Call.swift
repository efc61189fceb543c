internal import DoormanCore
internal import DoormanWire

/// A call that somebody waits for, and where it is. Confined to its client's event loop.
final class Call {
    /// The call as it was sent to one server, and not answered by it.
    struct Copy {
        let connection: Connection
        let streamID: StreamID
    }

    let operation: Operation
    let metadata: [MetadataEntry]
    let deadline: Deadline
    let waiter: Waiter
    /// Nil while it waits.
    private(set) var copy: Copy?
    /// While it is hedged.
    private var secondCopy: Copy?
    /// How often it was sent.
    var attempts = 0
    /// Where it was sent to in vain. Others are tried first.
    var triedServers: [Server] = []
    /// What it failed with, should nothing better come before its deadline.
    var lastError: DoormanError?

    init(_ submission: Submission) {
        self.operation = submission.operation
        self.metadata = submission.metadata
        self.deadline = submission.deadline
        self.waiter = submission.waiter
    }

    /// Whether somebody still waits for it.
    var isLive: Bool { waiter.isLive }

    var isHedged: Bool { secondCopy != nil }

    func addCopy(_ new: Copy) {
        if copy == nil { copy = new } else { secondCopy = new }
    }

    /// It was answered on this connection, or will not be.
    ///
    /// - Returns: The stream that it had there.
    @discardableResult
    func removeCopy(on connection: Connection) -> StreamID? {
        if let second = secondCopy, second.connection === connection {
            secondCopy = nil
            return second.streamID
        }
        guard let first = copy, first.connection === connection else { return nil }
        (copy, secondCopy) = (secondCopy, nil)
        return first.streamID
    }

    /// Nobody waits for the answers that may still come.
    func abandonCopies() {
        guard let first = copy else { return }
        first.connection.abandon(first.streamID)
        if let secondCopy { secondCopy.connection.abandon(secondCopy.streamID) }
        (copy, secondCopy) = (nil, nil)
    }
}

/// A call on its way to its event loop.
struct Submission: Sendable {
    let operation: Operation
    let metadata: [MetadataEntry]
    let deadline: Deadline
    let waiter: Waiter
}
