internal import DoormanCore
internal import DoormanWire

/// A call that somebody waits for, and where it is.
///
/// `@unchecked`: its task makes it and hands it over. From then on it is confined to its client's event loop, until the ``waiter``, which
/// locks, says that it has ended: then the task looks at how.
final class Call: @unchecked Sendable {
    /// The call as it was sent to one server, and not answered by it.
    struct Copy {
        let connection: Connection
        let streamID: StreamID
    }

    let operation: Operation
    let method: Method
    let metadata: [MetadataEntry]
    let deadline: Deadline
    let waiter = Waiter()
    /// That of a verify; every other call's is ``answer``.
    private var identity: Identity?
    private var answer: Answer?
    private var failure: DoormanError?
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

    init(_ operation: Operation, metadata: [MetadataEntry], deadline: Deadline) {
        self.operation = operation
        self.method = operation.method
        self.metadata = metadata
        self.deadline = deadline
    }

    /// Whether somebody still waits for it.
    var isLive: Bool { waiter.isLive }

    /// Reads the data of a response frame, and keeps the answer.
    func read(_ data: Span<UInt8>, in arena: MessageArena) -> Reply {
        guard method == .verify else { return operation.read(data, in: arena, into: &answer) }
        identity = Identity(plainResponse: data)
        if case .some = identity { return .success }
        return Reply(ResponseDecoder.unpackedIdentity(data, in: arena)) { identity = $0 }
    }

    /// What a server said that was asked for its health.
    var health: ServingStatus? {
        guard method == .healthCheck, case .health(let status)? = answer else { return nil }
        return status
    }

    /// Ends it.
    ///
    /// - Parameter failure: Nil if it has its answer.
    /// - Returns: The task that is now to be woken; nil if its wait had ended before.
    func settle(_ failure: DoormanError? = nil) -> Waiter.Sleeper? {
        waiter.end { self.failure = failure }
    }

    /// What it failed with, once its task has been woken. Nil: its answer is there.
    var error: DoormanError? { waiter.wasCancelled ? .cancelled : failure }

    /// Takes the answer to a verify, once its task has been woken.
    func takeIdentity() throws(DoormanError) -> Identity {
        guard let identity = identity.take() else { throw .mixedUp }
        return identity
    }

    /// Takes the answer to any other call, once its task has been woken.
    func takeAnswer() throws(DoormanError) -> Answer {
        guard let answer = answer.take() else { throw .mixedUp }
        return answer
    }

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
