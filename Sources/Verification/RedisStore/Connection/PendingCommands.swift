internal import DoormanFleet
internal import DoormanSupport
internal import NIOCore

/// The requests of a connection that have not all their replies, in the order in which they were sent. A request is one command, or several
/// that one caller sends at once.
///
/// Pure: time is an argument. A request whose deadline has passed keeps its place, because the server may still reply to it.
struct PendingCommands {
    /// The maximum number of requests.
    static let maximumCount = 10_000
    /// The maximum bytes of all requests. The log's records and the entries of a busy node are far below it.
    static let maximumBytes = 16 << 20

    private struct Request {
        let waiter: ReplyWaiter
        let bytes: Int
        let sentAt: Instant
        var missingReplies: Int
        var replies: [RESPValue] = []
    }

    /// What a reply completes.
    enum Completion {
        /// The request has further replies.
        case none
        case request(ReplyWaiter, [RESPValue])
        /// There is no request that the reply belongs to.
        case stray
    }

    private var requests = CircularBuffer<Request>()
    /// The ticket of the first request. The others have the numbers after it.
    private var firstTicket: UInt64 = 0
    private var deadlines = DeadlineQueue()
    private var bytes = 0

    var isEmpty: Bool { requests.isEmpty }

    /// The moment at which the oldest request was sent; `nil` if there is no request.
    var oldest: Instant? { requests.first?.sentAt }

    /// Adds a request.
    ///
    /// - Parameters:
    ///   - replies: The number of its replies: at least 1.
    ///   - bytes: The size of its commands.
    /// - Returns: Whether it is within the limits.
    mutating func add(_ waiter: ReplyWaiter, replies: Int, bytes: Int, deadline: Deadline, at now: Instant) -> Bool {
        guard requests.count < Self.maximumCount, self.bytes + bytes <= Self.maximumBytes else { return false }
        deadlines.insert(firstTicket + UInt64(requests.count), deadline: deadline)
        requests.append(Request(waiter: waiter, bytes: bytes, sentAt: now, missingReplies: replies))
        self.bytes += bytes
        return true
    }

    /// Takes the next reply.
    mutating func received(_ reply: RESPValue) -> Completion {
        guard let first = requests.indices.first else { return .stray }
        requests[first].missingReplies -= 1
        requests[first].replies.append(reply)
        guard requests[first].missingReplies == 0 else { return .none }
        let request = requests.removeFirst()
        deadlines.remove(firstTicket)
        firstTicket += 1
        bytes -= request.bytes
        return .request(request.waiter, request.replies)
    }

    /// Returns the callers whose deadlines have passed. To be called by the timer.
    mutating func passed(at now: Instant) -> [ReplyWaiter] {
        deadlines.passed(at: now).map { requests[requests.index(requests.startIndex, offsetBy: Int($0 - firstTicket))].waiter }
    }

    /// Returns the moment to which the timer must be set: the next deadline, or when the oldest request is `silence` old. `nil` if it is set
    /// to an earlier one, or not needed.
    mutating func nextWakeUp(silence: Duration) -> Instant? {
        deadlines.nextWakeUp(or: oldest?.advanced(by: silence) ?? .distantFuture)
    }

    /// Removes all requests.
    mutating func removeAll() -> [ReplyWaiter] {
        defer { self = PendingCommands() }
        return requests.map(\.waiter)
    }
}
