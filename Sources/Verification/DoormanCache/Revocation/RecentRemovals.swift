internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A removal of entries by a condition, for example of all tokens that a withdrawn key signed.
struct Removal: Sendable {
    /// Verdicts from requests before this time are removed.
    let moment: Instant
    let condition: @Sendable (Identity) -> Bool
}

/// The latest removals, for verdicts that were reached before a removal and are stored after it.
///
/// Removals are rare: a provider withdrew a key, or a reload changed a provider. Those within the longest time of a response are kept.
final class RecentRemovals: Sendable {
    private let removals = NIOLockedValueBox<[Removal]>([])
    private let responseTime: Duration

    /// - Parameter responseTime: The longest time from a provider request to the use of its response.
    init(responseTime: Duration) {
        self.responseTime = responseTime
    }

    func add(_ removal: Removal) {
        removals.withLockedValue { removals in
            removals.removeAll { $0.moment.advanced(by: responseTime) < removal.moment }
            removals.append(removal)
        }
    }

    /// Returns whether a verdict comes from a request before a removal that its identity fulfils the condition of.
    func concern(_ verdict: Verdict, requestedAt moment: Instant, now: Instant) -> Bool {
        guard case .valid(let identity) = verdict else { return false }
        let recent = removals.withLockedValue { removals in
            if !removals.isEmpty { removals.removeAll { $0.moment.advanced(by: responseTime) < now } }
            return removals
        }
        return recent.contains { moment < $0.moment && $0.condition(identity) }
    }
}
