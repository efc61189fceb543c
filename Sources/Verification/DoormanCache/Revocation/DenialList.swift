internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The tokens and accounts that are denied for a time, whatever the provider says about them.
///
/// A provider can lag behind its own revocations, or may never have received one. A denied token is rejected without a provider
/// request. A response about a denied account is not used if its request was sent while the provider may have lagged.
///
/// The list is bounded as a whole and per caller. A caller reserves slots before the provider is asked, so that a full list fails a
/// revocation before anything has happened.
final class DenialList: Sendable {
    /// An account of a provider's application; of any provider or application that is `nil`.
    struct AccountKey: Sendable, Hashable {
        let accountID: String
        let target: ProviderTarget
    }

    /// Slots that a caller has taken and not used yet. To be given to ``release(_:)``.
    struct Reservation: Sendable {
        /// The caller whose quota the slots count towards; `nil` if they are for the denials of another node.
        fileprivate let caller: Caller?
        fileprivate var slots: Int
    }

    private enum Subject: Sendable {
        case token(TokenKey)
        case account(AccountKey)
    }

    private struct Denial: Sendable {
        var end: Instant
        /// The caller whose quota the denial counts towards; `nil` if another node has counted it.
        var caller: Caller?
        var handle: DeadlineOrder.Handle
    }

    private struct AccountDenial: Sendable {
        var denial: Denial
        /// Responses to requests from before this time are not used.
        var requestedBefore: Instant
    }

    private struct State {
        var tokens: [TokenKey: Denial] = [:]
        var accounts: [AccountKey: AccountDenial] = [:]
        var ends = DeadlineHeap<Subject>()
        /// The slots that are reserved or used, by caller.
        var slotsByCaller: [Caller: Int] = [:]
        var slots = 0

        mutating func free(_ count: Int, of caller: Caller?) {
            slots -= count
            guard let caller, let own = slotsByCaller[caller] else { return }
            slotsByCaller[caller] = own > count ? own - count : nil
        }

        /// Removes one denial that has ended.
        ///
        /// - Returns: Whether there was one.
        mutating func purgeOne(at now: Instant) -> Bool {
            guard let subject = ends.popPassed(at: now) else { return false }
            let denial =
                switch subject {
                case .token(let key): tokens.removeValue(forKey: key)
                case .account(let key): accounts.removeValue(forKey: key)?.denial
                }
            if let denial { free(1, of: denial.caller) }
            return true
        }

        /// Returns a denial that takes a slot of the reservation; `nil` if it has none left.
        mutating func denial(of subject: Subject, until end: Instant, _ reservation: inout Reservation) -> Denial? {
            guard reservation.slots > 0 else { return nil }
            reservation.slots -= 1
            return Denial(end: end, caller: reservation.caller, handle: ends.insert(subject, deadline: Deadline(end)))
        }

        /// Extends a denial that is in the list already. It then takes a slot of the caller that extends it.
        mutating func extend(
            _ denial: inout Denial, of subject: Subject, until end: Instant, _ reservation: inout Reservation
        ) {
            guard end > denial.end, reservation.slots > 0 else { return }
            free(1, of: denial.caller)
            reservation.slots -= 1
            denial.caller = reservation.caller
            ends.remove(denial.handle)
            denial.end = end
            denial.handle = ends.insert(subject, deadline: Deadline(end))
        }
    }

    private let maximum: Int
    private let maximumPerCaller: Int
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - maximum: The maximum denials.
    ///   - maximumPerCaller: The maximum denials of one caller.
    init(maximum: Int, maximumPerCaller: Int) {
        self.maximum = maximum
        self.maximumPerCaller = maximumPerCaller
    }

    /// The denials, and the slots reserved for others. Denials that have ended count until the next reservation.
    var count: Int { state.withLockedValue { $0.slots } }

    /// Reserves slots for denials of a caller.
    ///
    /// - Parameters:
    ///   - slots: The wanted slots. Fewer are reserved if the list has less room.
    ///   - minimum: The slots that are needed. Default 1.
    /// - Throws: `.tooManyDenials` if the list or the caller's part of it has less room than is needed.
    func reserve(
        _ slots: Int, atLeast minimum: Int = 1, for caller: Caller, now: Instant
    ) throws(VerificationError) -> Reservation {
        let result = state.withLockedValue { state -> Result<Int, VerificationError> in
            // The others wait for the lock, so denials that have ended leave the list a few at a time.
            var purged = 0
            while purged < slots + Self.purgedAtOnce, state.purgeOne(at: now) { purged += 1 }
            while room(in: state, for: caller) < minimum, state.purgeOne(at: now) {}
            let reserved = min(slots, room(in: state, for: caller))
            guard reserved >= minimum else {
                let isFull = state.slots + minimum > maximum
                let wait = isFull ? state.ends.next.map { now.duration(to: $0.instant) } : nil
                return .failure(.tooManyDenials(retryAfter: max(RetryHint.minimumDelay, wait ?? .seconds(1))))
            }
            state.slotsByCaller[caller, default: 0] += reserved
            state.slots += reserved
            return .success(reserved)
        }
        return Reservation(caller: caller, slots: try result.get())
    }

    /// Reserves slots for the denials of another node. No quota applies: that node has counted them to its caller.
    ///
    /// - Returns: `nil` if the list has no room for all of them.
    func reserveForFleet(_ slots: Int, now: Instant) -> Reservation? {
        state.withLockedValue { state in
            while maximum - state.slots < slots, state.purgeOne(at: now) {}
            guard maximum - state.slots >= slots else { return nil }
            state.slots += slots
            return Reservation(caller: nil, slots: slots)
        }
    }

    private static let purgedAtOnce = 64

    private func room(in state: borrowing State, for caller: Caller) -> Int {
        min(maximum - state.slots, maximumPerCaller - (state.slotsByCaller[caller] ?? 0))
    }

    /// Frees the slots of a reservation that no denial has taken.
    func release(_ reservation: Reservation) {
        state.withLockedValue { $0.free(reservation.slots, of: reservation.caller) }
    }

    /// Denies a token until `end`. Does nothing if the reservation has no slot left.
    func deny(_ key: TokenKey, until end: Instant, _ reservation: inout Reservation) {
        state.withLockedValue { state in
            if var denial = state.tokens[key] {
                state.extend(&denial, of: .token(key), until: end, &reservation)
                state.tokens[key] = denial
            } else {
                state.tokens[key] = state.denial(of: .token(key), until: end, &reservation)
            }
        }
    }

    /// Denies an account: until `end`, responses to requests from before `moment` are not used.
    func deny(_ account: AccountKey, requestedBefore moment: Instant, until end: Instant, _ reservation: inout Reservation) {
        state.withLockedValue { state in
            if var old = state.accounts[account] {
                state.extend(&old.denial, of: .account(account), until: end, &reservation)
                old.requestedBefore = max(old.requestedBefore, moment)
                state.accounts[account] = old
            } else if let denial = state.denial(of: .account(account), until: end, &reservation) {
                state.accounts[account] = AccountDenial(denial: denial, requestedBefore: moment)
            }
        }
    }

    func isDenied(_ key: TokenKey, at now: Instant) -> Bool {
        state.withLockedValue { $0.tokens[key].map { now < $0.end } ?? false }
    }

    /// Returns whether a response about the identity's account is not to be used, because its request was sent too early.
    func isDenied(_ identity: Identity, requestedAt moment: Instant) -> Bool {
        state.withLockedValue { state in
            guard !state.accounts.isEmpty else { return false }
            return ProviderTarget.all(covering: identity).contains { target in
                let key = AccountKey(accountID: identity.accountID, target: target)
                return state.accounts[key].map { moment < $0.requestedBefore } ?? false
            }
        }
    }
}

extension VerificationError {
    fileprivate static func tooManyDenials(retryAfter: Duration) -> VerificationError {
        VerificationError(
            .tooManyDenials,
            "Too many revocations are in effect (cache.max-denials, authorization.max-denials). Nothing was revoked.",
            retryAfter: retryAfter)
    }
}
