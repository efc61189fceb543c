internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// A call that somebody waits for, and where it is.
///
/// `@unchecked`: whoever makes it hands it over. From then on it is confined to its client's event loop; where a task waits for it, until
/// the ``waiter``, which locks, says that it has ended: then the task looks at how.
final class Call: @unchecked Sendable {
    typealias Completion = @Sendable (Result<Identity, DoormanError>) -> Void

    /// Whoever waited for a call that has ended, to be told once.
    enum Listener: Sendable {
        case task(Waiter.Sleeper)
        case completion(of: Call)

        /// Wakes the task, or runs the completion, which may make calls: at a moment that is good for that.
        func tell() {
            switch self {
            case .task(let sleeper): sleeper.wake()
            case .completion(let call): call.complete()
            }
        }
    }

    /// The call as it was sent to one server, and not answered by it.
    struct Copy {
        let connection: Connection
        let streamID: StreamID
    }

    /// What a call came to.
    private enum Outcome {
        /// Of a verify.
        case identity(Identity)
        /// Of every other call.
        indirect case answer(Answer)
        indirect case failure(DoormanError)
    }

    /// What few calls have. In the call itself it would take as much memory as all the rest, of which the processor's cache is to hold that
    /// of many calls.
    private final class Rarities {
        var secondCopy: Copy?
        var triedServers: [Server] = []
        var lastError: DoormanError?
    }

    let operation: Operation
    let method: Method
    let metadata: [MetadataEntry]
    let deadline: Deadline
    /// The task that waits for it; nil for a call that ends with a completion.
    let waiter: Waiter?
    /// What is called at its end, and the client, which is there until then; nil after that, and where a task waits.
    private var completion: (run: Completion, client: DoormanClient)?
    /// Of a call with a completion: it has ended, and the completion may have still to be called.
    private var hasEnded = false
    private var outcome: Outcome?
    /// Nil while it waits.
    private(set) var copy: Copy?
    /// Where its deadline is watched.
    var place: Deadlines.Place?
    /// How often it was sent.
    var attempts: Int32 = 0
    private var rarities: Rarities?

    /// A call that a task waits for.
    init(_ operation: Operation, metadata: [MetadataEntry], deadline: Deadline, waiter: Waiter) {
        self.operation = operation
        self.method = operation.method
        self.metadata = metadata
        self.deadline = deadline
        self.waiter = waiter
    }

    /// A call that ends with a completion.
    init(
        _ operation: Operation, metadata: [MetadataEntry], deadline: Deadline, client: DoormanClient,
        completion: @escaping Completion
    ) {
        self.operation = operation
        self.method = operation.method
        self.metadata = metadata
        self.deadline = deadline
        self.waiter = nil
        self.completion = (completion, client)
    }

    /// Whether somebody still waits for it.
    var isLive: Bool { waiter?.isLive ?? !hasEnded }

    /// Reads the data of a response frame, and keeps the answer.
    func read(_ data: Span<UInt8>, in arena: MessageArena) -> Reply {
        guard method == .verify else {
            var answer: Answer?
            let reply = operation.read(data, in: arena, into: &answer)
            outcome = answer.map(Outcome.answer)
            return reply
        }
        if let identity = Identity(plainResponse: data) {
            outcome = .identity(identity)
            return .success
        }
        return Reply(ResponseDecoder.unpackedIdentity(data, in: arena)) { outcome = .identity($0) }
    }

    /// What a server said that was asked for its health.
    var health: ServingStatus? {
        guard method == .healthCheck, case .answer(.health(let status))? = outcome else { return nil }
        return status
    }

    /// Ends it.
    ///
    /// - Parameter failure: Nil if it has its answer.
    /// - Returns: Who is now to be told; nil if it had ended before.
    func settle(_ failure: DoormanError? = nil) -> Listener? {
        if let waiter { return waiter.end { fail(failure) }.map(Listener.task) }
        guard !hasEnded else { return nil }
        hasEnded = true
        fail(failure)
        return .completion(of: self)
    }

    private func fail(_ failure: DoormanError?) {
        if let failure { outcome = .failure(failure) }
    }

    /// What it failed with, once it has ended. Nil: its answer is there.
    var error: DoormanError? {
        if waiter?.wasCancelled == true { return .cancelled }
        return if case .failure(let error)? = outcome { error } else { nil }
    }

    /// Takes the answer to a verify, once it has ended.
    func takeIdentity() throws(DoormanError) -> Identity {
        guard case .identity(let identity)? = outcome.take() else { throw .mixedUp }
        return identity
    }

    private func complete() {
        guard let completion = completion.take() else { return }
        switch outcome.take() {
        case .identity(let identity): completion.run(.success(identity))
        case .failure(let error): completion.run(.failure(error))
        case .answer, nil: completion.run(.failure(.mixedUp))
        }
    }

    /// Takes the answer to any other call, once it has ended.
    func takeAnswer() throws(DoormanError) -> Answer {
        guard case .answer(let answer)? = outcome.take() else { throw .mixedUp }
        return answer
    }

    /// Where it was sent to in vain. Others are tried first.
    var triedServers: [Server] {
        get { rarities?.triedServers ?? [] }
        set { makeRarities().triedServers = newValue }
    }

    /// What it failed with, should nothing better come before its deadline.
    var lastError: DoormanError? {
        get { rarities?.lastError }
        set { makeRarities().lastError = newValue }
    }

    /// The second one of a call that is hedged.
    private var secondCopy: Copy? { rarities?.secondCopy }

    private func makeRarities() -> Rarities {
        if let rarities { return rarities }
        let new = Rarities()
        rarities = new
        return new
    }

    var isHedged: Bool { secondCopy != nil }

    func addCopy(_ new: Copy) {
        if copy == nil { copy = new } else { makeRarities().secondCopy = new }
    }

    /// It was answered on this connection, or will not be.
    ///
    /// - Returns: The stream that it had there.
    @discardableResult
    func removeCopy(on connection: Connection) -> StreamID? {
        if let second = secondCopy, second.connection === connection {
            rarities?.secondCopy = nil
            return second.streamID
        }
        guard let first = copy, first.connection === connection else { return nil }
        copy = secondCopy
        rarities?.secondCopy = nil
        return first.streamID
    }

    /// Nobody waits for the answers that may still come.
    func abandonCopies() {
        guard let first = copy else { return }
        first.connection.abandon(first.streamID)
        if let secondCopy { secondCopy.connection.abandon(secondCopy.streamID) }
        copy = nil
        rarities?.secondCopy = nil
    }
}
