package import DoormanSupport

/// Decides when a stale entry may be served in place of a provider request.
///
/// While the governors of the entry's provider block requests, waiting is useless. Right after an outage all entries are refreshed at once,
/// so a caller that exceeds its limit on cache misses gets stale entries, too. At other times an exceeded limit is no outage: a
/// caller that floods the server must not extend the life of revoked tokens.
package struct StaleServingRule: Sendable {
    private let governors: @Sendable (_ provider: String) -> [Governor]

    /// - Parameter governors: Returns the governors of the provider's applications. None for an unknown provider, whose entries are not served
    ///   stale.
    package init(governors: @escaping @Sendable (_ provider: String) -> [Governor]) {
        self.governors = governors
    }

    /// Returns whether a stale entry of a provider may be served on this occasion.
    package func allowsServing(of provider: String, on occasion: StaleOccasion) -> Bool {
        let governors = governors(provider)
        return !governors.isEmpty
            && governors.allSatisfy { governor in
                switch occasion {
                case .cacheMiss: governor.isBlocking
                case .missLimitExceeded: governor.isBlocking || governor.isRecovering
                }
            }
    }
}
