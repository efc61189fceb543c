/// The limits of a fleet's messages. A node packs no message beyond them, and reads none.
package enum FleetLimits {
    /// The maximum bytes of ``LogPosition/epoch`` and ``Heartbeat/epoch``.
    package static let epochBytes = 64
    /// The maximum bytes of ``SharedEntry/fingerprint``.
    package static let fingerprintBytes = 32
    /// The maximum number of keys in the revocation of a token.
    package static let keysOfToken = 4
    /// The maximum bytes of an account's id, of its provider's name and of its application's id.
    package static let accountTextBytes = 1024
    /// The times and durations in milliseconds: up to the year 9999.
    package static let milliseconds: Range<Int64> = 0..<253_402_300_800_000
}
