package import DoormanSupport

/// Decides when a stale entry may be served in place of a provider request.
///
/// While every application's governor blocks requests, waiting is useless. Right after an outage all entries are refreshed at once,
/// so a caller that exceeds its limit on cache misses gets stale entries, too. At other times an exceeded limit is no outage: a
/// caller that floods the server must not extend the life of revoked tokens.
package struct StaleServingRule: Sendable {
    private let governors: [Governor]

    /// - Parameter governors: The governor of each application that a token may be for.
    package init(governors: [Governor]) {
        self.governors = governors
    }

    /// Returns whether a stale entry may be served on this occasion.
    package func allowsServing(on occasion: StaleOccasion) -> Bool {
        governors.allSatisfy { governor in
            switch occasion {
            case .cacheMiss: governor.isBlocking
            case .missLimitExceeded: governor.isBlocking || governor.isRecovering
            }
        }
    }
}
