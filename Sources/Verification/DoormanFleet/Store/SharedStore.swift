package import DoormanWire

/// The store that the nodes of a fleet share: a primary of Redis or Valkey, or a store in memory for tests.
package protocol SharedStore: Sendable {
    /// Connects to the primary.
    ///
    /// Gives up after a deadline of its own. Each call finds the primary again, because it may have moved.
    func openSession() async throws(StoreError) -> any StoreSession
}

/// A connection to one process of the store. Once it is closed, it stays closed: every command fails.
///
/// Any number of commands can wait for their replies. The store executes the commands of a session in the order of the calls. A command
/// gives up after a deadline of the session's own, and then throws ``StoreError/timedOut``: the store may execute it all the same, or may
/// have done so. A command without a reply for a longer time closes the session.
///
/// Keys are complete. A value is at most ``StoreLimits/value`` bytes.
package protocol StoreSession: AnyObject, Sendable {
    /// The process at the other end.
    var server: StoreServer { get }
    /// Whether the session is open, and no command has waited for its reply longer than its deadline. While it is not responsive, every
    /// command of an entry or a lease fails at once.
    var isResponsive: Bool { get }

    /// Returns a value; `nil` if there is no value.
    func value(of key: [UInt8]) async throws(StoreError) -> [UInt8]?

    /// Sets a value that the store removes after `lifetime`.
    func set(_ value: [UInt8], for key: [UInt8], lifetime: Duration) async throws(StoreError)

    /// Takes a lease that ends after `lifetime`, unless it is taken.
    ///
    /// - Parameter holder: Bytes that no other holder has.
    /// - Returns: Whether the holder has got it.
    func takeLease(_ key: [UInt8], holder: [UInt8], lifetime: Duration) async throws(StoreError) -> Bool

    /// Ends a lease, if it is still the holder's.
    func endLease(_ key: [UInt8], holder: [UInt8]) async throws(StoreError)

    /// Returns the ids of the log's records; `nil` if the log does not exist or has none.
    func logRange(of log: [UInt8]) async throws(StoreError) -> ClosedRange<LogID>?

    /// Returns the first records after an id, in order. At most `limit`.
    func records(of log: [UInt8], after id: LogID, limit: Int) async throws(StoreError) -> [LogRecord]

    /// Appends a record to a log, all or nothing.
    ///
    /// - Returns: The id of the record, which is greater than those of all other records.
    func append(_ record: LogAppend, to log: [UInt8]) async throws(StoreError) -> LogID

    /// Returns the members of a sorted set with at least this score, in the order of their scores.
    ///
    /// - Parameters:
    ///   - offset: The members to leave out.
    ///   - limit: The maximum number of members.
    func members(of set: [UInt8], from score: Int64, offset: Int, limit: Int) async throws(StoreError) -> [ScoredMember]

    /// Removes the members with a smaller score.
    func removeMembers(of set: [UInt8], below score: Int64) async throws(StoreError)

    func close()
}

/// The limits that every store keeps.
package enum StoreLimits {
    /// The maximum bytes of a value, a record or a member. An identity with its claims and 256 scopes is below it.
    package static let value = 64 << 10
}

/// A record that is appended, and what changes with it.
package struct LogAppend: Sendable, Hashable {
    package var record: [UInt8]
    /// The keys to remove.
    package var removedKeys: [[UInt8]]
    /// The member to add to a sorted set; `nil` for none.
    package var member: ScoredMember?
    /// The sorted set of ``member``.
    package var set: [UInt8]
    /// The log may forget records before this id.
    package var keptFrom: LogID

    package init(
        _ record: [UInt8], removing keys: [[UInt8]] = [], adding member: ScoredMember? = nil, to set: [UInt8] = [],
        keepingFrom id: LogID
    ) {
        self.record = record
        removedKeys = keys
        self.member = member
        self.set = set
        keptFrom = id
    }
}

package struct LogRecord: Sendable, Hashable {
    package let id: LogID
    package let data: [UInt8]

    package init(_ id: LogID, _ data: [UInt8]) {
        self.id = id
        self.data = data
    }
}

/// A member of a sorted set. Its score is a time in milliseconds since 1970.
package struct ScoredMember: Sendable, Hashable {
    package let member: [UInt8]
    package let score: Int64

    package init(_ member: [UInt8], score: Int64) {
        self.member = member
        self.score = score
    }
}
