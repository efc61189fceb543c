@_exported public import DoormanCore
internal import DoormanWire
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// Asks a Doorman server whose token it is.
///
/// One client holds one connection, opened by the first call, and any number of tasks may use it at once. Keep one for the life
/// of your service, and ``close()`` it at the end.
///
/// Every method throws ``DoormanError``, whose ``DoormanError/kind-swift.property`` tells a refusal from not being able to ask. Every call
/// has a deadline that covers connecting, waiting and the answer. Cancelling the task ends the call at once.
public final class DoormanClient: Sendable {
    private let eventLoop: any EventLoop
    private let dispatcher: NIOLoopBoundBox<Dispatcher>
    private let target: DoormanTarget
    private let defaultTimeout: Duration
    private let lastCall = NIOLockedValueBox<UInt64>(0)

    /// Opens nothing yet.
    public init(target: DoormanTarget, settings: DoormanClientSettings = DoormanClientSettings()) {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.eventLoop = eventLoop
        self.target = target
        self.defaultTimeout = settings.timeout
        self.dispatcher = .makeBoxSendingValue(
            Dispatcher(target: target, settings: settings, eventLoop: eventLoop), eventLoop: eventLoop)
    }

    deinit {
        // No call is left, since each holds its client; only the connection may be open.
        eventLoop.execute { [dispatcher] in _ = dispatcher.value.close() }
    }

    /// Whose token it is.
    ///
    /// - Parameters:
    ///   - token: Exactly as the app sent it.
    ///   - maxAge: How long ago the provider may have been asked, in whole seconds, 1 at least. Nil: any answer from memory
    ///     within its time to live will do.
    ///   - applicationID: The application that the token must have been made for. Nil: any that the server is configured for.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientSettings/timeout``.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        let request = VerificationRequest(token: token, applicationID: applicationID, maxAge: maxAge)
        guard case .identity(let identity) = try await ask(.verify(request), timeout) else { throw .mixedUp }
        return identity
    }

    /// Whose token it is, given its text.
    public func verify(
        _ token: some StringProtocol & Sendable, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        try await verify(Token(token), maxAge: maxAge, applicationID: applicationID, timeout: timeout)
    }

    /// Exchanges an authorization code for a token, and says whose it is.
    ///
    /// A code is good once, so a call that may have begun is never made again: after an error that is not retryable, ask the app
    /// for a new code.
    ///
    /// - Parameter applicationID: The application that the code was made for. Nil: the only one that the server is configured for.
    public func exchange(
        _ code: AuthorizationCode, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Exchange {
        let request = ExchangeRequest(code: code, applicationID: applicationID)
        guard case .exchange(let token, let identity) = try await ask(.exchange(request), timeout) else { throw .mixedUp }
        return Exchange(token: token, identity: identity)
    }

    /// Logs a token out, everywhere. One that is void already counts as done.
    ///
    /// - Parameter applicationID: The application it is about. Nil: the only one that the server is configured for.
    public func revoke(_ token: Token, applicationID: String? = nil, timeout: Duration? = nil) async throws(DoormanError) {
        _ = try await ask(.revoke(RevocationRequest(.token(token), applicationID: applicationID)), timeout)
    }

    /// Logs every token of an account out, everywhere.
    public func revoke(accountID: String, applicationID: String? = nil, timeout: Duration? = nil) async throws(DoormanError) {
        _ = try await ask(.revoke(RevocationRequest(.account(accountID), applicationID: applicationID)), timeout)
    }

    /// How the server is.
    ///
    /// - Parameter service: The full name of one service, such as `doorman.v1.Auth`. Empty: the whole server.
    public func health(service: String = "", timeout: Duration? = nil) async throws(DoormanError) -> HealthStatus {
        let answer: Answer
        do throws(DoormanError) {
            answer = try await ask(.health(service: service), timeout)
        } catch {
            guard error.kind == .couldNotAsk(.notFound) else { throw error }
            return .serviceUnknown
        }
        guard case .health(let status) = answer else { throw .mixedUp }
        return switch status {
        case .serving: .serving
        case .notServing: .notServing
        case .serviceUnknown: .serviceUnknown
        case .unknown: .unknown
        }
    }

    /// Ends every call that is under way with ``CouldNotAskReason/clientClosed``, and returns when the connection is closed.
    /// Calls made later fail alike.
    public func close() async {
        // Closing has no failure that anybody could act on.
        try? await eventLoop.flatSubmit { [dispatcher] in dispatcher.value.close() }.get()
    }

    func ask(_ operation: Operation, _ timeout: Duration?) async throws(DoormanError) -> Answer {
        guard !operation.holdsNUL else { throw .textWithNUL }
        let id = CallID(
            lastCall.withLockedValue {
                $0 += 1
                return $0
            })
        let deadline = Deadline(Instant.now.advanced(by: timeout ?? defaultTimeout))
        let cancellation = Cancellation()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let call = Call(
                    operation: operation, deadline: deadline, cancellation: cancellation, continuation: continuation)
                eventLoop.execute { [dispatcher] in dispatcher.value.submit(id, call) }
            }
        } onCancel: {
            cancellation.cancel()
            eventLoop.execute { [dispatcher] in dispatcher.value.cancel(id) }
        }
        return try result.get()
    }
}

extension DoormanClient: CustomStringConvertible, CustomReflectable {
    public var description: String { "DoormanClient(\(target))" }

    /// Shows nothing of the inside: that belongs to the event loop, and can't be looked at while it runs.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension DoormanError {
    /// An answer was read as that of another method, which ``Operation/read(_:in:)`` rules out.
    static let mixedUp = protocolViolation("the answer is that of another method")
}

/// Gives `body` a client, and closes it whichever way `body` ends.
public func withDoormanClient<Result>(
    target: DoormanTarget, settings: DoormanClientSettings = DoormanClientSettings(),
    isolation: isolated (any Actor)? = #isolation, _ body: (DoormanClient) async throws -> Result
) async rethrows -> Result {
    let client = DoormanClient(target: target, settings: settings)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}
