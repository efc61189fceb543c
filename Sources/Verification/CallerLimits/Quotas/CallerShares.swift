package import DoormanSupport
internal import NIOConcurrencyHelpers

/// The shares of a server's callers: one for each, however many connections it has.
///
/// One that nobody holds and that is not used is forgotten when room is needed. Where there are more callers than can be told apart,
/// the rest of those with the same limits share one.
package final class CallerShares: Sendable {
    private struct State {
        var shares: [Caller: CallerShare] = [:]
        var rest: [CallerLimits: CallerShare] = [:]
        /// When it is next worth looking for callers to forget.
        var nextSweep = Instant(nanoseconds: 0)
    }

    private let maximumCallers: Int
    private let state = NIOLockedValueBox(State())

    package init(maximumCallers: Int) {
        self.maximumCallers = maximumCallers
    }

    /// The caller's share, which goes by these limits from now on.
    ///
    /// - Returns: Nil if nothing is limited.
    package func share(of caller: Caller, _ limits: CallerLimits, at now: Instant) -> CallerShare? {
        guard !limits.limitNothing else { return nil }
        return state.withLockedValue { state in
            if let share = state.shares[caller] {
                share.adopt(limits)
                return share
            }
            if state.shares.count >= maximumCallers, now >= state.nextSweep {
                forgetUnused(&state, at: now)
                state.nextSweep = now.advanced(by: .seconds(1))
            }
            let share = CallerShare(limits)
            guard state.shares.count < maximumCallers else {
                let rest = state.rest[limits] ?? share
                state.rest[limits] = rest
                return rest
            }
            state.shares[caller] = share
            return share
        }
    }

    /// How many callers are told apart at the moment.
    package var callerCount: Int { state.withLockedValue { $0.shares.count } }

    /// A new reference to a share can only be had under this lock, so that one which is the only one stays so meanwhile.
    private func forgetUnused(_ state: inout State, at now: Instant) {
        forgetUnused(&state.shares, at: now)
        forgetUnused(&state.rest, at: now)
    }

    private func forgetUnused<Key>(_ shares: inout [Key: CallerShare], at now: Instant) {
        var unused: [Key] = []
        // Not over its indices: they would hold a copy of all, and each reference with it.
        var index = shares.startIndex
        while index < shares.endIndex {
            if isKnownUniquelyReferenced(&shares.values[index]), shares.values[index].isUnused(at: now) {
                unused.append(shares.keys[index])
            }
            shares.formIndex(after: &index)
        }
        for key in unused { shares[key] = nil }
    }
}
