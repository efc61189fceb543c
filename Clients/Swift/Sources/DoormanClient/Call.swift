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
    /// One while it is under way, two while it is hedged, none while it waits.
    var copies: [Copy] = []
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

    /// It was answered on this connection, or will not be.
    func removeCopy(on connection: Connection) {
        copies.removeAll { $0.connection === connection }
    }

    /// Nobody waits for the answers that may still come.
    func abandonCopies() {
        for copy in copies { copy.connection.abandon(copy.streamID) }
        copies.removeAll()
    }
}

/// A call on its way to its event loop.
struct Submission: Sendable {
    let operation: Operation
    let metadata: [MetadataEntry]
    let deadline: Deadline
    let waiter: Waiter
}
