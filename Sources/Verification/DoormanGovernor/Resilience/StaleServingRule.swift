package import DoormanSupport

/// Decides when a stale entry may be served in place of a provider request.
///
/// While every application's governor refuses requests, there is nothing to wait for. Right after an outage, when everything known is
/// asked about again, a caller whose limit on cache misses does not suffice for that gets its stale entries, too. A limit that is
/// exceeded at any other time is no outage: a caller that floods the server must not have revoked tokens live longer for it.
package struct StaleServingRule: Sendable {
    private let governors: [Governor]

    /// - Parameter governors: One for each application that tokens may be of.
    package init(governors: [Governor]) {
        self.governors = governors
    }

    /// Whether a stale entry may be served on this occasion.
    package func allowsServing(on occasion: StaleOccasion) -> Bool {
        governors.allSatisfy { governor in
            switch occasion {
            case .cacheMiss: governor.isRefusing
            case .missLimitExceeded: governor.isRefusing || governor.isRecovering
            }
        }
    }
}
