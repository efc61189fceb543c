internal import DoormanFleet
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import NIOCore

/// A connection to a server, with any number of callers: it sends their requests in the order of the calls, and gives each its replies.
///
/// Once it is closed, it stays closed.
final class RedisConnection: Sendable {
    /// What a request does while the server is silent.
    enum Urgency {
        /// It fails at once.
        case immediate
        /// It waits until its deadline.
        case patient
    }

    private struct State {
        var pending = PendingCommands()
        /// The commands that are not written yet. Those of one turn of the event loop leave in one write.
        var outbound = ByteBuffer()
        var flushIsScheduled = false
        /// The channel, while it is open.
        var channel: (any Channel)?
        /// The timer for the next deadline; `nil` if it is not needed.
        var timer: Scheduled<Void>?
        /// Why the connection is closed; `nil` while it is open.
        var closeReason: String?
    }

    /// The server's address, for messages.
    let address: HostAndPort
    let eventLoop: any EventLoop
    private let settings: RedisStoreSettings
    private let state = NIOLockedValueBox(State())

    init(to address: HostAndPort, _ settings: RedisStoreSettings, on eventLoop: any EventLoop) {
        self.address = address
        self.settings = settings
        self.eventLoop = eventLoop
    }

    static var now: Instant { Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds) }

    /// Why the connection is closed; `nil` while it is open.
    var closeReason: String? { state.withLockedValue { $0.closeReason } }

    /// Whether the TCP connection is open.
    var isOpen: Bool { state.withLockedValue { $0.channel != nil } }

    /// Whether the connection is open, and no request has waited longer than the timeout of a command.
    var isResponsive: Bool {
        let now = Self.now
        return state.withLockedValue { $0.closeReason == nil && !isSilent($0, at: now) }
    }

    private func isSilent(_ state: State, at now: Instant) -> Bool {
        state.pending.oldest.map { $0.advanced(by: settings.commandTimeout) < now } ?? false
    }

    /// Sends commands in one write, and waits for a reply to each.
    ///
    /// - Parameter deadline: The moment at which the caller gives up.
    func send(
        _ commands: [[[UInt8]]], _ urgency: Urgency = .patient, until deadline: Deadline
    ) async throws(StoreError) -> [RESPValue] {
        let waiter = ReplyWaiter()
        if let error = submit(commands, waiter, urgency, deadline) { throw error }
        return try await waiter.replies()
    }

    private func submit(
        _ commands: [[[UInt8]]], _ waiter: ReplyWaiter, _ urgency: Urgency, _ deadline: Deadline
    ) -> StoreError? {
        let now = Self.now
        let bytes = commands.reduce(0) { $0 + RESPCommand.encodedSize($1) }
        let (error, mustFlush) = state.withLockedValue { state -> (StoreError?, Bool) in
            if let reason = state.closeReason { return (unavailable("the connection is closed: \(reason)"), false) }
            if urgency == .immediate, isSilent(state, at: now) { return (unavailable("the server does not respond"), false) }
            guard state.pending.add(waiter, replies: commands.count, bytes: bytes, deadline: deadline, at: now) else {
                return (.busy, false)
            }
            for command in commands { RESPCommand.write(command, to: &state.outbound) }
            setTimer(&state)
            defer { state.flushIsScheduled = true }
            return (nil, !state.flushIsScheduled)
        }
        if mustFlush { eventLoop.execute { self.flush() } }
        return error
    }

    func unavailable(_ reason: String) -> StoreError { .unavailable("\(address): \(reason)") }

    private func flush() {
        let (channel, commands) = state.withLockedValue { state -> ((any Channel)?, ByteBuffer) in
            state.flushIsScheduled = false
            defer { state.outbound = ByteBuffer() }
            return (state.channel, state.outbound)
        }
        if commands.readableBytes > 0 { channel?.writeAndFlush(commands, promise: nil) }
    }

    /// Closes the connection. The commands whose replies are missing fail: the server may have executed them.
    func close(because reason: String) {
        let (channel, waiters) = state.withLockedValue { state -> ((any Channel)?, [ReplyWaiter]) in
            guard state.closeReason == nil else { return (nil, []) }
            state.closeReason = reason
            state.outbound = ByteBuffer()
            state.timer?.cancel()
            defer { (state.channel, state.timer) = (nil, nil) }
            return (state.channel, state.pending.removeAll())
        }
        channel?.close(promise: nil)
        for waiter in waiters { waiter.finish(.failure(.timedOut)) }
    }
}

// MARK: Events of the channel and the timer

extension RedisConnection {
    /// Takes the channel.
    func opened(_ channel: any Channel) {
        let isClosed = state.withLockedValue { state in
            if state.closeReason == nil { state.channel = channel }
            return state.closeReason != nil
        }
        if isClosed { channel.close(promise: nil) }
    }

    func received(_ reply: RESPValue) {
        // A message that no command asked for.
        if case .push = reply { return }
        switch state.withLockedValue({ $0.pending.received(reply) }) {
        case .none: break
        case .request(let waiter, let replies):
            waiter.finish(.success(replies))
            if let code = replies.lazy.compactMap(\.errorCode).first(where: Self.notPrimaryCodes.contains) {
                close(because: "it is not the primary any more (\(code))")
            }
        // A server that refuses a connection says so before the greeting.
        case .stray: close(because: reply.refusalOfGreeting ?? "the server sent a reply to no command")
        }
    }

    /// The codes of a server that is no primary, or not any more.
    private static let notPrimaryCodes: Set = ["READONLY", "MASTERDOWN"]

    /// Sets the timer, unless it is set to an earlier moment. Within the lock, so that of two callers the earlier moment counts.
    private func setTimer(_ state: inout State) {
        guard let moment = state.pending.nextWakeUp(silence: settings.silenceTimeout) else { return }
        state.timer?.cancel()
        // The timer does not keep the connection.
        state.timer = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(moment.nanoseconds)) { [weak self] in self?.wakeUp() }
    }

    private func wakeUp() {
        let now = Self.now
        let (waiters, isOver) = state.withLockedValue { state -> ([ReplyWaiter], Bool) in
            let waiters = state.pending.passed(at: now)
            let isOver = state.pending.oldest.map { $0.advanced(by: settings.silenceTimeout) <= now } ?? false
            if !isOver { setTimer(&state) }
            return (waiters, isOver)
        }
        for waiter in waiters { waiter.finish(.failure(.timedOut)) }
        if isOver { close(because: "the server has not responded for \(DurationText.write(settings.silenceTimeout))") }
    }
}
