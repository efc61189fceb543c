internal import AccountKit
internal import CallerLimits
internal import CurlTransport
internal import DoormanCache
internal import DoormanGovernor
internal import DoormanServer
internal import Logging

/// Everything that the operator of `doormand` decides, room by room.
package struct DoormandSettings: Sendable {
    /// `host:port`, or empty for no TCP.
    var address = "127.0.0.1:7117"
    var unixSocket = ""
    /// Where the TCP port that was taken is written once it listens; empty for nowhere.
    var portFile = ""
    var server = ServerSettings()
    /// Rules of who may call what; empty for everybody everything but accounts.
    var policyFile = ""
    var tls = TLSFiles()
    var cache = CacheSettings()
    var governor = GovernorSettings()
    var missBudgets = CacheMissLimiterSettings()
    var transport = CurlTransport.Settings()
    var caFile = ""
    var proxy = ""
    var applicationID = ""
    var appSecretFile = ""
    /// The second secret while one is changed; empty for none.
    var nextAppSecretFile = ""
    /// Several applications in place of the one above; empty for none.
    var applicationsFile = ""
    /// The emulator's own default, so that a first run needs no internet. Account Kit's own servers are gone.
    var baseURL = "http://127.0.0.1:7118"
    var apiVersion = "v1.3"
    var acceptAnswersWithoutApplication = false
    var maximumTokenBytes = 1024
    var maximumCodeBytes = 1024
    var logLevel = Logger.Level.info
    /// How often files are looked at, to reload them when they have changed; 10 ms at least. 0 for never, default 5 s.
    var reloadInterval = Duration.seconds(5)
}
