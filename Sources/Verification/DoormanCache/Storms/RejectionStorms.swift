internal import DoormanCore
internal import DoormanSupport

/// The rejection storms of each provider and application.
struct RejectionStorms: Sendable {
    /// The maximum number of providers and applications that are told apart. An introspection endpoint may know any number of applications;
    /// further ones are counted with their provider.
    static let maximum = 256

    /// The number of storms that began.
    private(set) var count: UInt64 = 0
    private(set) var storms: [ProviderTarget: RejectionStorm] = [:]

    mutating func record(
        _ known: Identity, isRejected: Bool, _ settings: RejectionStormSettings, at now: Instant
    ) -> (isBelieved: Bool, event: RejectionStormEvent?) {
        var target = ProviderTarget(of: known)
        if storms.count >= Self.maximum, storms[target] == nil { target.applicationID = nil }
        var storm = storms.removeValue(forKey: target) ?? RejectionStorm(settings: settings)
        let result = storm.record(accountID: known.accountID, isRejected: isRejected, at: now)
        storms[target] = storm
        if case .began? = result.event { count += 1 }
        return result
    }
}
