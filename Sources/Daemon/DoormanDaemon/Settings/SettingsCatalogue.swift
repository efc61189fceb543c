/// All settings of `doormand`, in the order in which they are printed and documented.
package enum SettingsCatalogue {
    static let all: [Setting] =
        server + tls + caller + cache + provider + accountKit + [
            .choice("log.level", \.logLevel, "Least severe level that is logged, to standard error."),
            .duration(
                "reload.interval", \.reloadInterval, .zero...hour,
                "How often the files of settings and secrets are looked at for changes; 0s for not at all, but on SIGHUP."),
        ]

    /// The settings as the program's help lists them.
    package static var help: String {
        all.map { "  \($0.flag) (\($0.defaultText.isEmpty ? "none" : $0.defaultText))\n      \($0.summary)" }
            .joined(separator: "\n")
    }

    static func setting(_ key: String) -> Setting? {
        all.first { $0.key == key }
    }

    private static let server: [Setting] = [
        .text("server.address", \.address, "Host and port to listen on by TCP; port 0 takes a free one; empty for no TCP."),
        .text("server.unix-socket", \.unixSocket, "Path of a Unix socket to listen on; empty for none."),
        .mode(
            "server.unix-socket-mode", \.server.unixSocketMode,
            "Permissions of its file, in octal: who may write to it may connect, such as 0660 for its group."),
        .users(
            "server.unix-socket-callers", \.server.unixSocketCallers,
            "Whose processes may connect to it: uid:NUMBER, with commas between; empty for whoever can open the file."),
        .flag(
            "server.allow-plaintext-from-network", \.server.allowsPlaintextFromNetwork,
            "Listen beyond loopback without TLS, though whoever is on the way can read tokens and forge answers."),
        .text("server.port-file", \.portFile, "File that the TCP port is written to once it listens; empty for none."),
        .callers(
            "server.accounts-callers", \.server.accountsCallers,
            "Who may list and delete accounts: ip:ADDRESS, uid:NUMBER, uri:URI, dns:NAME, with commas between; empty for nobody."),
        .text(
            "server.policy-file", \.policyFile,
            "YAML or JSON file of who may call what, and how much, in place of the setting above; empty for everybody the rest."),
        .count("server.event-loops", \.server.eventLoops, 0...1024, "Event loops, a thread each; 0 for one a core."),
        .count("server.accept-backlog", \.server.acceptBacklog, 1...65_535, "Connections that the kernel keeps until accepted."),
        .count("server.max-connections", \.server.maximumConnections, 1...1_000_000, "Connections at once; one more is closed."),
        .bytes(
            "server.max-frame-length", \.server.connection.maximumFrameLength, 1...(4 << 20),
            "Longest data of a frame; a longer one is skipped and refused."),
        .count(
            "server.max-calls-in-flight", \.server.connection.maximumCallsInFlight, 1...1_000_000,
            "Calls of one connection that wait for the provider at once."),
        .count(
            "server.max-waiting-calls", \.server.maximumWaitingCalls, 1...10_000_000,
            "Calls of all connections that wait for the provider at once; hits are answered beyond that."),
        .duration(
            "server.default-call-timeout", \.server.connection.defaultCallTimeout, .milliseconds(1)...hour,
            "How long a call may take whose caller did not say."),
        .duration(
            "server.max-call-timeout", \.server.connection.maximumCallTimeout, .milliseconds(1)...hour,
            "How long a call may take, whatever its caller says."),
        .duration(
            "server.frame-timeout", \.server.connection.frameTimeout, .milliseconds(1)...hour,
            "From a frame's first byte to its last; then the connection is closed."),
        .duration(
            "server.idle-timeout", \.server.connection.idleTimeout, .milliseconds(1)...day,
            "How long a connection without a call in flight may be silent."),
        .duration(
            "server.write-timeout", \.server.connection.writeTimeout, .milliseconds(1)...hour,
            "How long answers may wait for a client that does not read."),
        .bytes(
            "server.write-buffer", \.server.connection.writeBufferHighWaterMark, 1024...(1 << 30),
            "Answers waiting for a client from which on nothing more is read from it."),
        .duration(
            "server.keepalive-idle", \.server.keepalive.idle, .seconds(1)...hour,
            "Silence after which a TCP peer is probed, in whole seconds."),
        .duration(
            "server.keepalive-interval", \.server.keepalive.interval, .seconds(1)...hour, "Between two probes, in whole seconds."),
        .count("server.keepalive-probes", \.server.keepalive.probes, 1...127, "Probes without an answer after which it is gone."),
        .duration(
            "server.tcp-user-timeout", \.server.keepalive.userTimeout, .seconds(1)...hour,
            "How long a TCP peer may leave what it was sent, or was probed with, unacknowledged."),
        .duration("server.drain-timeout", \.server.drainTimeout, .zero...hour, "From SIGTERM until what is left is cut off."),
        .duration(
            "server.drain-quiet-period", \.server.connection.drainQuietPeriod, .zero...hour,
            "While draining: silence after which a connection is half-closed."),
    ]

    private static let tls: [Setting] = [
        .text(
            "tls.certificate-file", \.tls.certificate,
            "PEM file of the server's certificate, then those between it and an authority; empty for plain TCP."),
        .text("tls.key-file", \.tls.key, "PEM file of that certificate's key."),
        .text(
            "tls.client-ca-file", \.tls.clientAuthorities,
            "PEM file of the authorities that sign callers' certificates; empty to ask for none."),
        .choice(
            "tls.client-certificates", \.tls.clientCertificates,
            "With such a file: required, or optional, where one without a certificate is named by its address."),
        .duration(
            "tls.handshake-timeout", \.server.handshakeTimeout, .milliseconds(1)...hour,
            "How long a TLS handshake may take; then the connection is closed."),
    ]

    private static let caller: [Setting] = [
        .count(
            "caller.misses-per-second", \.cacheMissLimiter.missesPerSecond, 1...1_000_000,
            "Calls of one caller in a second that memory can't answer; one more is refused until its share has grown."),
        .count(
            "caller.saved-misses", \.cacheMissLimiter.savedMisses, 1...1_000_000,
            "How many of them a caller may save up in quiet times."),
        .count(
            "caller.max-callers", \.cacheMissLimiter.maximumCallers, 1...10_000_000,
            "Callers whose limits are kept apart; the rest share."),
    ]

    private static let cache: [Setting] = [
        .duration("cache.ttl", \.cache.ttl, .zero...day, "How long a valid token is answered from memory; 0s for not at all."),
        .duration("cache.rejected-ttl", \.cache.rejectedTTL, .zero...day, "How long a refused token is answered from memory."),
        .fraction("cache.jitter", \.cache.jitter, 0...1, "Part by which a time to live is lengthened or shortened at random."),
        .fraction(
            "cache.refresh-ahead", \.cache.refreshAhead, 0...0.9,
            "Last part of its time in which an answer that is used is refreshed in the background; 0 for never."),
        .duration(
            "cache.max-stale", \.cache.maximumStale, .zero...day,
            "How long past its time a valid token is answered, marked STALE, while the provider can't be asked; 0s for never."),
        .duration(
            "cache.stale-retry", \.cache.staleRetry, .milliseconds(1)...hour,
            "How long such an answer is given, or a failed refresh put off, until the provider is tried again."),
        .duration(
            "cache.stale-reserve", \.cache.staleReserve, .zero...hour,
            "How long before its deadline a call stops waiting for the provider, if it can be given such an answer."),
        .duration(
            "cache.clock-skew", \.cache.clockSkew, .zero...hour,
            "How far our clock may be behind the provider's: it shortens its expiry."),
        .count(
            "cache.max-entries", \.cache.valid.entries, 0...100_000_000,
            "Valid tokens remembered; at least as many as there are shards, or some remember none."),
        .bytes("cache.max-bytes", \.cache.valid.bytes, 0...(1 << 40), "Memory for valid tokens."),
        .count("cache.max-rejected-entries", \.cache.rejected.entries, 0...100_000_000, "Refused tokens remembered."),
        .bytes("cache.max-rejected-bytes", \.cache.rejected.bytes, 0...(1 << 40), "Memory for refused tokens."),
        .powerOfTwo("cache.shards", \.cache.shards, 1...256, "Parts with a lock and a share of the bounds each; a power of two."),
        .count(
            "cache.max-flights", \.cache.maximumFlights, 1...1_000_000, "Tokens that the provider is being asked about at once."),
        .count(
            "cache.max-waiters", \.cache.maximumWaitersPerFlight, 1...1_000_000, "Calls that may wait for one such question."),
    ]

    private static let provider: [Setting] = [
        .count(
            "provider.max-concurrent-calls", \.governor.concurrentCalls, 1...10_000,
            "Calls to the provider at once, for each application."),
        .count(
            "provider.max-calls-per-second", \.governor.callsPerSecond, 1...1_000_000,
            "Calls to the provider that begin in a second, for each application, second tries included."),
        .count(
            "provider.saved-calls", \.governor.savedCalls, 1...1_000_000,
            "Calls that may be saved up in quiet times, to begin all at once."),
        .count("provider.max-waiting-calls", \.governor.maximumWaiting, 0...1_000_000, "Calls that may wait for the two above."),
        .duration(
            "provider.default-back-off", \.governor.defaultBackOff, .zero...hour,
            "How long nobody asks after the provider throttled us and named no time; doubled while it goes on."),
        .duration("provider.max-back-off", \.governor.maximumBackOff, .zero...day, "The longest that nobody asks."),
        .count(
            "provider.usage-limit", \.governor.usageLimit, 1...1_000,
            "Percent of our allowance, where the provider says how much is used, from which on nobody asks for a while."),
        .count(
            "provider.breaker-failures", \.governor.breakerFailures, 0...1_000_000,
            "Failures in a row after which the provider is left alone; 0 for never."),
        .duration(
            "provider.breaker-open-time", \.governor.breakerOpenTime, .milliseconds(1)...hour,
            "How long it is left alone, at first, before a call tries it; doubled each time that one fails."),
        .duration(
            "provider.max-breaker-open-time", \.governor.maximumBreakerOpenTime, .milliseconds(1)...hour,
            "The longest that it is left alone between two tries."),
        .duration(
            "provider.recovery-time", \.governor.recoveryTime, .zero...hour,
            "How long after an outage callers whose share of misses is used up are still given STALE answers."),
        .count("provider.breaker-probes", \.governor.breakerProbes, 1...10_000, "Calls that may try it at once."),
        .duration(
            "provider.slow-call", \.governor.slowCall, .zero...hour,
            "Time a call must have had to count as a failure when its own deadline ends it; half of provider.call-timeout at most."),
        .count("provider.retry-percentage", \.governor.retryPercentage, 0...100, "Second tries in a hundred calls."),
        .count("provider.saved-retries", \.governor.savedRetries, 0...1_000_000, "Second tries that may be saved up."),
        .duration(
            "provider.min-retry-time", \.governor.minimumRetryTime, .zero...hour,
            "Time that must be left for a try, be it a second one or one that had to wait."),
        .duration(
            "provider.connect-timeout", \.transport.connectTimeout, .milliseconds(1)...hour, "Connecting: name, TCP and TLS."),
        .duration(
            "provider.request-timeout", \.transport.requestTimeout, .milliseconds(1)...hour, "One whole request to the provider."),
        .duration(
            "provider.call-timeout", \.cache.flightTimeout, .milliseconds(1)...hour,
            "One question to the provider with all its tries, however long its callers wait."),
        .bytes("provider.max-body", \.transport.maximumBodyBytes, 1024...(64 << 20), "Longest answer that is taken."),
        .bytes(
            "provider.max-headers", \.transport.maximumHeaderBytes, 1024...(1 << 20), "Longest header of an answer that is taken."),
        .count("provider.max-connections", \.transport.maximumConnections, 1...10_000, "Connections to the provider."),
        .duration(
            "provider.max-connection-lifetime", \.transport.maximumConnectionLifetime, .seconds(1)...day,
            "How long connections take new requests; then others do, to the addresses of that time."),
        .count(
            "provider.timeouts-until-reconnect", \.transport.timeoutsUntilReconnect, 1...1000,
            "Time-outs in a row, with no answer among them, after which the next request gets a new connection."),
        .duration(
            "provider.dns-cache-timeout", \.transport.dnsCacheTTL, .zero...hour,
            "How long the provider's addresses are remembered for new connections, in whole seconds; 0s for not at all."),
        .text("provider.ca-file", \.caFile, "PEM file of the only authorities to trust; empty for the system's."),
        .url("provider.proxy", \.proxy, "URL of a proxy without credentials; empty for none, whatever http_proxy says."),
    ]

    private static let accountKit: [Setting] = [
        .text(
            "account-kit.application-id", \.applicationID,
            "The app whose tokens are yours. Required, unless there is a file of several: others' are refused."),
        .text(
            "account-kit.app-secret-file", \.appSecretFile,
            "File that holds the Account Kit app secret; empty sends no proof, and can't exchange or revoke accounts."),
        .text(
            "account-kit.next-app-secret-file", \.nextAppSecretFile,
            "File that holds a second secret while the app's is changed: whichever Account Kit takes is used."),
        .text(
            "account-kit.applications-file", \.applicationsFile,
            "YAML or JSON file of several apps, in place of one by the settings above."),
        .url(
            "account-kit.base-url", \.baseURL,
            "Where Account Kit is asked; the default is account-kit-emulator's. https:// or loopback."),
        .text("account-kit.api-version", \.apiVersion, "v1.0 to v1.3; an app in the file of several may have its own."),
        .flag(
            "account-kit.accept-answers-without-application", \.acceptAnswersWithoutApplication,
            "Take v1.0-shaped answers that name no app. The proof is then the only guard against another app's token."),
        .bytes("account-kit.max-token-length", \.maximumTokenBytes, 16...4096, "A longer token is refused unasked."),
        .bytes("account-kit.max-code-length", \.maximumCodeBytes, 16...4096, "A longer authorization code is refused unasked."),
    ]

    private static let hour = Duration.seconds(3600)
    private static let day = Duration.seconds(86_400)
}
