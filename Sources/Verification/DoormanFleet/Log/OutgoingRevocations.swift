internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// A revocation of this node, on its way into the log.
struct OutgoingRevocation: Sendable {
    let revocation: Revocation
    /// The keys of entries that the store removes with the revocation.
    let entryKeys: [[UInt8]]
    /// The time until which the record matters.
    let end: Instant
    /// Its position once the store has acknowledged it.
    var position: LogID?
    /// Whether the store has lost it, and it is sent again.
    var isRepetition: Bool
    /// Whether it has not been read back.
    var isPending = false
}

/// The revocations of this node: which ones the log lacks, and which ones have not been read back from it. A pure value.
///
/// A revocation waits until it is sent, is then unseen until it is read back, and is forgotten when it no longer matters. If the store has
/// lost it, it waits again.
struct OutgoingRevocations: Sendable {
    /// The time for which a record matters.
    private let retention: Duration
    /// Those that still matter, by number.
    private var revocations: [UInt64: OutgoingRevocation] = [:]
    /// The number of the last of them.
    private(set) var lastNumber: UInt64 = 0
    /// The number of the last of them in the log.
    private var lastInLog: UInt64 = 0
    /// The numbers of those that are not in the log, rising.
    private var unsent = FIFOQueue<UInt64>()
    /// The numbers of those that the log has acknowledged, and that have not been read back.
    private var unseen: Set<UInt64> = []
    /// The number of those that are sent again because the store has lost them, and that wait.
    private(set) var waitingRepetitions = 0
    /// The subjects of those that have not been read back, with the number of revocations: the index of the log does not have them yet.
    private var pending: [RevocationSubject: Int] = [:]

    init(retention: Duration) {
        self.retention = retention
    }

    /// Adds a revocation, which is then sent in its turn.
    ///
    /// - Parameter isRepetition: Whether the store has lost it. Default false.
    /// - Returns: Its number.
    mutating func add(_ revocation: Revocation, entryKeys: [[UInt8]], isRepetition: Bool = false, now: Instant) -> UInt64 {
        lastNumber += 1
        revocations[lastNumber] = OutgoingRevocation(
            revocation: revocation, entryKeys: entryKeys, end: now.advanced(by: retention), isRepetition: isRepetition)
        unsent.append(lastNumber)
        if isRepetition { waitingRepetitions += 1 }
        setPending(lastNumber, to: true)
        return lastNumber
    }

    subscript(number: UInt64) -> OutgoingRevocation? { revocations[number] }

    /// Returns whether this node has revoked a token or its account, and has not read that back. An entry in the store may be from before it.
    func hasPending(of keys: [TokenKey], _ identity: Identity) -> Bool {
        !pending.isEmpty && RevocationSubject.all(of: keys, identity).contains { pending[$0] != nil }
    }

    /// Notes whether a revocation has not been read back.
    private mutating func setPending(_ number: UInt64, to isPending: Bool) {
        guard let revocation = revocations[number], revocation.isPending != isPending else { return }
        revocations[number]?.isPending = isPending
        for subject in revocation.revocation.subjects {
            let count = (pending[subject] ?? 0) + (isPending ? 1 : -1)
            pending[subject] = count > 0 ? count : nil
        }
    }

    /// Forgets what no longer matters.
    mutating func purge(now: Instant) {
        let ended = revocations.filter { $0.value.position != nil && $0.value.end <= now }.keys
        for number in ended {
            setPending(number, to: false)
            revocations[number] = nil
        }
        unseen.subtract(ended)
    }
}

// MARK: - Sending

extension OutgoingRevocations {
    /// The number of those that are not in the log.
    var waiting: Int { unsent.count }

    /// The first that is not in the log.
    var nextToSend: (number: UInt64, OutgoingRevocation)? {
        guard let number = unsent.first, let next = revocations[number] else { return nil }
        return (number, next)
    }

    /// The keys of the tokens whose revocations are not in the log.
    var waitingTokens: Set<TokenKey> {
        unsent.elements.reduce(into: []) { keys, number in
            if case .token(let known, _)? = revocations[number]?.revocation { keys.formUnion(known.map(\.key)) }
        }
    }

    /// Notes that the store has acknowledged a revocation.
    mutating func didSend(_ number: UInt64, at position: LogID) {
        revocations[number]?.position = position
        lastInLog = max(lastInLog, number)
        // The follower may have read it back already.
        if revocations[number]?.isPending == true { unseen.insert(number) }
        guard unsent.first == number else { return }
        unsent.popFirst()
        if revocations[number]?.isRepetition == true { waitingRepetitions -= 1 }
    }

    /// The number up to which the log has all of them, as far as this node knows.
    var completeUpTo: UInt64 {
        // A revocation that is sent again keeps its number, and others must not miss those before it.
        let lost = nextToSend.map { $0.number - 1 } ?? lastInLog
        return min(lost, lastInLog)
    }

    /// Returns the position of the last of the revocations with these numbers; `nil` until all are acknowledged and have been read back.
    func confirmedPosition(of numbers: ClosedRange<UInt64>) -> LogID? {
        let positions = numbers.compactMap { revocations[$0]?.position }
        guard positions.count == numbers.count, unseen.isDisjoint(with: numbers) else { return nil }
        return positions.max()
    }
}

// MARK: - Reading back

extension OutgoingRevocations {
    /// Notes that a revocation has been read back.
    mutating func didRead(_ number: UInt64) {
        unseen.remove(number)
        setPending(number, to: false)
    }

    /// The records before the heartbeat that names this number have been read. A revocation that was not among them is sent again.
    mutating func noteLosses(upTo number: UInt64) {
        sendAgain(unseen.filter { $0 <= number })
    }

    /// Expects to read all of them again: the log is read from its window.
    mutating func beginReplay() {
        unseen = Set(revocations.keys).subtracting(unsent.elements)
        for number in revocations.keys { setPending(number, to: true) }
    }

    /// Notes that the window has been read. Those that were not in it are sent again.
    mutating func endReplay() {
        sendAgain(unseen)
    }

    private mutating func sendAgain(_ numbers: Set<UInt64>) {
        guard !numbers.isEmpty else { return }
        for number in numbers {
            revocations[number]?.position = nil
            revocations[number]?.isRepetition = true
            setPending(number, to: true)
        }
        unseen.subtract(numbers)
        unsent = FIFOQueue(numbers.union(unsent.elements).sorted())
        waitingRepetitions = unsent.elements.count { revocations[$0]?.isRepetition == true }
    }
}
