internal import DoormanFleet
internal import RedisStore

/// The settings of a fleet, as they are written. ``DoormandSettings/configuredFleet()`` checks them.
struct FleetOptions: Sendable {
    /// When a revocation is acknowledged to its caller.
    enum Acknowledgement: String, Sendable, CaseIterable {
        case log, fleet
    }

    /// The addresses of the store, or of its Sentinels. Empty for no fleet.
    var store: [StoreAddress] = []
    var secretFile = ""
    var tag = "doorman"
    /// `nil` for the bound with which losing the store costs the least.
    var revocationBound: Duration?
    var acknowledgement = Acknowledgement.log
    var user = ""
    var passwordFile = ""
    var caFile = ""
    var sentinelPrimary = ""
    var allowsPlaintext = false
    var commandTimeout = Duration.milliseconds(20)
}
