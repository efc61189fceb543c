internal import AccountKit
internal import CallerLimits
internal import CurlTransport
internal import DoormanAdmin
internal import DoormanCache
internal import DoormanGovernor
internal import DoormanServer
internal import Logging

/// All settings of `doormand`, by module. ``SettingsCatalogue`` holds their keys, ranges and meanings.
package struct DoormandSettings: Sendable {
    /// The TCP address to listen on, as `host:port`; `systemd` for the sockets of the service manager. Empty for no TCP.
    var address = "127.0.0.1:7117"
    /// The path of the Unix socket to listen on; `systemd` for the sockets of the service manager. Empty for none.
    var unixSocket = ""
    /// The path of the file that receives the TCP port once the server listens. Empty for none.
    var portFile = ""
    var server = ServerSettings()
    /// The TCP address of the admin listener, as `host:port`. Empty for none.
    var adminAddress = "127.0.0.1:7119"
    /// The path of the file that receives the port of the admin listener once it listens. Empty for none.
    var adminPortFile = ""
    var admin = AdminSettings()
    /// The path of the caller policy. Empty for the default permissions: every method except those for accounts.
    var policyFile = ""
    /// The path of the profiles of gateways. Empty for none.
    var httpProfilesFile = ""
    /// The path of the clients of introspection. Empty if any caller may introspect tokens.
    var introspectionClientsFile = ""
    var tls = TLSFiles()
    var cache = CacheSettings()
    var fleet = FleetOptions()
    var governor = GovernorSettings()
    var cacheMissLimiter = CallerRateLimiterSettings()
    /// The lengths of the prefixes of networks that have a limit on cache misses, in bits. A network is mostly larger than the prefix by
    /// which one caller is counted.
    var networkIPv4PrefixLength = 24
    var networkIPv6PrefixLength = 48
    var accountRevocationLimiter = CallerRateLimiterSettings(perSecond: 10, burst: 20)
    var transport = CurlTransport.Settings()
    var caFile = ""
    var proxy = ""
    /// Whether providers get the trace context of callers' requests. Default no, because most of them belong to others.
    var propagatesTraceContext = false
    /// The kind of the provider that the settings below define.
    var providerKind = ProviderKindChoice.auto
    /// The name of that provider. Empty for the name of its kind.
    var providerName = ""
    /// The path of a file of several providers, which replaces the settings below. Empty for none.
    var providerFile = ""
    var accountKit = AccountKitTexts()
    var facebookLogin = FacebookLoginTexts()
    var introspection = IntrospectionTexts()
    var jwt = JWTTexts()
    var logLevel = Logger.Level.info
    var logFormat = LogFormat.text
    /// Whether the kernel may write core dumps of the process, which hold secrets.
    var allowsCoreDumps = false
    /// The time between two checks of the files for changes, at least 10 ms. 0 for never, default 5 s.
    var reloadInterval = Duration.seconds(5)
}
