internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// A call and its state.
///
/// `@unchecked`: the maker of a call hands it over, and from then on only the client's event loop uses it. If a task waits for the call,
/// the task reads the outcome once the ``waiter``, which locks, has ended the wait.
final class ClientCall: @unchecked Sendable {
    typealias Completion = @Sendable (Result<Identity, DoormanError>) -> Void

    /// The task or completion that gets the outcome of a call, once.
    enum Listener: Sendable {
        case task(Waiter.Continuation)
        case completion(of: ClientCall)

        /// Resumes the task, or runs the completion, which may make calls.
        func notify() {
            switch self {
            case .task(let continuation): continuation.resume()
            case .completion(let call): call.complete()
            }
        }
    }

    /// A request that was sent to one server and has no response yet.
    struct Attempt {
        let connection: Connection
        let streamID: StreamID
    }

    /// The goal of a call that is not for any server.
    enum Destination {
        /// The call is for this server alone.
        case server(Server)
        /// The call is sent to no server. It ends when the target's servers are known.
        case servers(of: DoormanTarget)
    }

    private enum Outcome {
        /// Of a verify.
        case identity(Identity)
        /// Of every other call.
        indirect case response(CallResponse)
        indirect case failure(DoormanError)
    }

    /// State that few calls have. Inside the call it would double the call's size, and the processor's cache would hold half as many.
    private final class ColdState {
        var secondAttempt: Attempt?
        var triedServers: [Server] = []
        var lastError: DoormanError?
        var providerError: DoormanError?
        var destination: Destination?
        var wasAnswered = false
        var foundServers: [Server] = []
        var span: CallSpan?
        /// The server that responded, or else that of the last attempt. Only noted for a span.
        var spanServer: Server?
    }

    let operation: Operation
    let method: Method
    let metadata: [MetadataEntry]
    let deadline: Deadline
    /// The task that waits for the call; `nil` for a call that ends with a completion.
    let waiter: Waiter?
    /// The completion, and the client, which the call keeps until then; `nil` after that, and if a task waits.
    private var completion: (run: Completion, client: DoormanClient)?
    /// Whether a call with a completion has ended. The completion may not have been called yet.
    private var hasEnded = false
    private var outcome: Outcome?
    /// `nil` while the call waits for a connection.
    private(set) var attempt: Attempt?
    /// The entry in the dispatcher's heap.
    var deadlineHandle: DeadlineOrder.Handle?
    /// The number of times that the call was sent.
    var attemptCount: Int32 = 0
    private var coldState: ColdState?

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

    /// Whether a task or a completion still waits for the call.
    var isLive: Bool { waiter?.isLive ?? !hasEnded }

    /// Reads the data of a response frame, and keeps the response.
    func read(_ data: Span<UInt8>, in arena: MessageArena) -> Reply {
        guard method == .verify else {
            var response: CallResponse?
            let reply = operation.read(data, in: arena, into: &response)
            outcome = response.map(Outcome.response)
            return reply
        }
        if let identity = Identity(canonicalResponse: data) {
            outcome = .identity(identity)
            return .success
        }
        return Reply(ResponseDecoder.unpackedIdentity(data, in: arena)) { outcome = .identity($0) }
    }

    /// The status that the server responded with; `nil` for all calls but a health check.
    var health: ServingStatus? {
        guard method == .healthCheck, case .response(.health(let status))? = outcome else { return nil }
        return status
    }

    /// Ends the call.
    ///
    /// - Parameter failure: The error; `nil` if the call has its response.
    /// - Returns: The listener to notify; `nil` if the call had ended before.
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

    /// The error of a call that has ended; `nil` if it has its response.
    var error: DoormanError? {
        if waiter?.wasCancelled == true { return .cancelled }
        return if case .failure(let error)? = outcome { error } else { nil }
    }

    /// Ends a span with the call. It is set before the call is submitted.
    func trace(_ span: CallSpan) {
        makeColdState().span = span
    }

    /// Notes a server for the call's span, if it has one.
    @inline(__always)
    func note(_ server: Server?) {
        if let coldState, coldState.span != nil, isLive { coldState.spanServer = server }
    }

    /// Ends the span of a call that has ended.
    func endSpan() {
        guard let coldState, let span = coldState.span else { return }
        // The event loop may still work on a call that its task has cancelled.
        span.end(error, server: waiter?.wasCancelled == true ? nil : coldState.spanServer)
    }

    /// Takes the response to a verify that has ended.
    func takeIdentity() throws(DoormanError) -> Identity {
        guard case .identity(let identity)? = outcome.take() else { throw .wrongResponse }
        return identity
    }

    private func complete() {
        guard let completion = completion.take() else { return }
        endSpan()
        switch outcome.take() {
        case .identity(let identity): completion.run(.success(identity))
        case .failure(let error): completion.run(.failure(error))
        case .response, nil: completion.run(.failure(.wrongResponse))
        }
    }

    /// Takes the response to any other call that has ended.
    func takeResponse() throws(DoormanError) -> CallResponse {
        guard case .response(let response)? = outcome.take() else { throw .wrongResponse }
        return response
    }

    /// The servers that failed it. Others are tried first.
    var triedServers: [Server] {
        get { coldState?.triedServers ?? [] }
        set { makeColdState().triedServers = newValue }
    }

    /// The error of the last attempt, which the call ends with if no later attempt does better.
    var lastError: DoormanError? {
        get { coldState?.lastError }
        set { makeColdState().lastError = newValue }
    }

    /// The error of a server whose provider gave no verdict. A stale identity of another server does not overrule it.
    var providerError: DoormanError? {
        get { coldState?.providerError }
        set { makeColdState().providerError = newValue }
    }

    /// `nil` for a call for any server. It is set before the call is submitted.
    var destination: Destination? {
        get { coldState?.destination }
        set { makeColdState().destination = newValue }
    }

    /// Whether a server responded with a failure to a call for it alone.
    var wasAnswered: Bool {
        get { coldState?.wasAnswered ?? false }
        set { makeColdState().wasAnswered = newValue }
    }

    /// The servers of the target of a ``Destination/servers(of:)`` call that has ended without an error.
    var foundServers: [Server] {
        get { coldState?.foundServers ?? [] }
        set { makeColdState().foundServers = newValue }
    }

    /// Whether the response to a verify is an identity past its TTL.
    var isStale: Bool {
        guard case .identity(let identity)? = outcome else { return false }
        return identity.freshness == .stale
    }

    /// The second attempt of a hedged call.
    private var secondAttempt: Attempt? { coldState?.secondAttempt }

    private func makeColdState() -> ColdState {
        if let coldState { return coldState }
        let new = ColdState()
        coldState = new
        return new
    }

    var isHedged: Bool { secondAttempt != nil }

    func add(_ new: Attempt) {
        if attempt == nil { attempt = new } else { makeColdState().secondAttempt = new }
    }

    /// Removes the attempt on a connection that has responded, or will not respond any more.
    ///
    /// - Returns: The attempt's stream.
    @discardableResult
    func removeAttempt(on connection: Connection) -> StreamID? {
        if let second = secondAttempt, second.connection === connection {
            coldState?.secondAttempt = nil
            return second.streamID
        }
        guard let first = attempt, first.connection === connection else { return nil }
        attempt = secondAttempt
        coldState?.secondAttempt = nil
        return first.streamID
    }

    /// Tells the connections that no response is wanted any more.
    func abandonAttempts() {
        guard let first = attempt else { return }
        first.connection.abandon(first.streamID)
        if let secondAttempt { secondAttempt.connection.abandon(secondAttempt.streamID) }
        attempt = nil
        coldState?.secondAttempt = nil
    }
}
