internal import AccountKit
internal import CallerLimits
internal import CurlTransport
internal import DoormanCache
internal import DoormanGovernor
internal import DoormanServer
internal import Logging

/// Everything that the operator of `doormand` decides, module by module.
package struct DoormandSettings: Sendable {
    /// `host:port`, or empty for no TCP.
    var address = "127.0.0.1:7117"
    var unixSocket = ""
    /// Path of the file that the TCP port is written to once the server listens; empty for none.
    var portFile = ""
    var server = ServerSettings()
    /// Path of the caller policy; empty for none: every caller may then call all but the accounts' methods.
    var policyFile = ""
    var tls = TLSFiles()
    var cache = CacheSettings()
    var governor = GovernorSettings()
    var cacheMissLimiter = CacheMissLimiterSettings()
    var transport = CurlTransport.Settings()
    var caFile = ""
    var proxy = ""
    var applicationID = ""
    var appSecretFile = ""
    /// Path of a second secret while the first is changed; empty for none.
    var nextAppSecretFile = ""
    /// Path of a file of several applications, in place of the application above; empty for none.
    var applicationsFile = ""
    /// The emulator's own default, so that a first run needs no internet. Account Kit's own servers are gone.
    var baseURL = "http://127.0.0.1:7118"
    var apiVersion = "v1.3"
    var acceptAnswersWithoutApplication = false
    var maximumTokenBytes = 1024
    var maximumCodeBytes = 1024
    var logLevel = Logger.Level.info
    /// Time between looks at the files, which are reloaded if they have changed; at least 10 ms. 0 for never, default 5 s.
    var reloadInterval = Duration.seconds(5)
}
