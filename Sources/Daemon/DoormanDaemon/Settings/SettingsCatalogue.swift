/// All settings of `doormand`, in the order in which they are printed and documented.
package enum SettingsCatalogue {
    static let all: [Setting] =
        server + admin + tls + authorization + http + cache + fleet + provider + providerKinds + [
            .choice("log.level", \.logLevel, "Minimum severity of the log lines on standard error.").tier(.tune),
            .choice(
                "log.format", \.logFormat,
                "Format of the log lines: text for people, json for one object per line, journal for text with the priorities of systemd's journal."
            ).tier(.tune),
            .flag(
                "process.core-dumps", \.allowsCoreDumps,
                "Whether to allow core dumps and debuggers. Both show app secrets, private keys and tokens."),
            .duration(
                "reload.interval", \.reloadInterval, .zero...hour,
                "Time between two checks of the settings and secret files for changes. 0s reloads on SIGHUP only."
            ).tier(.tune),
        ]

    static func setting(_ key: String) -> Setting? {
        all.first { $0.key == key }
    }

    private static let server: [Setting] = [
        .text(
            "server.address", \.address, pattern: "^(.+:[0-9]{1,5}|systemd)$",
            "Address to listen on by TCP, as host:port. *:PORT is all addresses and localhost:PORT is loopback, of IPv4 and IPv6. Port 0 takes a free port; systemd takes the TCP sockets of the socket unit; empty turns TCP off."
        ).tier(.tune),
        .text(
            "server.unix-socket", \.unixSocket,
            "Path of a Unix socket to listen on. systemd takes the Unix sockets of the socket unit; empty for none."
        ).tier(.tune),
        .mode(
            "server.unix-socket-mode", \.server.unixSocketMode,
            "Permissions of the Unix socket, in octal. Users who may write to it may connect: 0660 admits its group."
        ).tier(.tune),
        .users(
            "server.unix-socket-callers", \.server.unixSocketCallers,
            "Users who may connect to the Unix socket, as uid:NUMBER, comma-separated. none for all who can open it."
        ).tier(.tune),
        .choices(
            "server.protocols", \.server.protocols,
            "Protocols that the listeners speak, comma-separated: ttrpc, http2 (gRPC and the HTTP API) and http1. Others are closed."
        ),
        .flag(
            "server.allow-plaintext-from-network", \.server.allowsPlaintextFromNetwork,
            "Whether to listen beyond loopback without TLS. Anyone on the network path can then read tokens and forge responses."
        ).tier(.tune),
        .text(
            "server.port-file", \.portFile,
            "Path to a file that receives the TCP port while the server listens. Only a file with a port is replaced. Empty for none."
        ),
        .count(
            "server.event-loops", \.server.eventLoops, 0...1024, "Number of event loops, each with a thread. 0 for one per core."),
        .count(
            "server.accept-backlog", \.server.acceptBacklog, 1...65_535,
            "Maximum connections that the kernel queues until the server accepts them."),
        .count(
            "server.max-connections", \.server.maximumConnections, 1...1_000_000,
            "Maximum open connections. Further connections are closed."
        ).tier(.tune),
        .bytes(
            "server.max-frame-length", \.server.connection.maximumFrameLength, 1...(4 << 20),
            "Maximum length of a frame's data. A longer frame is skipped, and its call fails with LIMIT_FRAME_LENGTH."),
        .count(
            "server.max-calls-in-flight", \.server.connection.maximumCallsInFlight, 1...1_000_000,
            "Maximum calls of one connection that wait for the provider."),
        .count(
            "server.max-waiting-calls", \.server.maximumWaitingCalls, 1...10_000_000,
            "Maximum calls of all connections that wait for providers. Cache hits don't count. Lookups of one of several providers are at most half as many."
        ).tier(.tune),
        .duration(
            "server.default-call-timeout", \.server.connection.defaultCallTimeout, .milliseconds(1)...hour,
            "Default deadline for calls that set none."
        ).tier(.tune),
        .duration(
            "server.max-call-timeout", \.server.connection.maximumCallTimeout, .milliseconds(1)...hour,
            "Maximum time that a call may take, whatever its caller asks for."),
        .duration(
            "server.frame-timeout", \.server.connection.frameTimeout, .milliseconds(1)...hour,
            "Maximum time from the first byte of a frame to its last. Then the connection is closed."),
        .duration(
            "server.idle-timeout", \.server.connection.idleTimeout, .milliseconds(1)...day,
            "Time without a call in flight after which a connection is closed."),
        .duration(
            "server.max-connection-age", \.server.connection.maximumAge, .zero...day * 365,
            "Maximum age of a connection, for balancing behind L4. Then it is half-closed as soon as it is quiet. 0s for none."
        ).tier(.tune),
        .duration(
            "server.write-timeout", \.server.connection.writeTimeout, .milliseconds(1)...hour,
            "Maximum time that responses wait for a client that doesn't read. Then the connection is closed."),
        .bytes(
            "server.write-high-water-mark", \.server.connection.writeBufferHighWaterMark, 1024...(1 << 30),
            "Maximum unsent response bytes per connection. Above it the server stops reading from that connection."),
        .duration(
            "server.keepalive-idle", \.server.keepalive.idle, .seconds(1)...hour,
            "Time without traffic after which TCP keepalive checks the peer, in whole seconds."),
        .duration(
            "server.keepalive-interval", \.server.keepalive.interval, .seconds(1)...hour,
            "Time between two keepalive checks, in whole seconds."),
        .count(
            "server.keepalive-probes", \.server.keepalive.probes, 1...127,
            "Number of unanswered keepalive checks after which the connection is closed."),
        .duration(
            "server.tcp-user-timeout", \.server.keepalive.userTimeout, .seconds(1)...hour,
            "Maximum time that sent data may stay unacknowledged. Then the connection is closed."),
        .duration(
            "server.drain-timeout", \.server.drainTimeout, .zero...hour,
            "Maximum time from SIGTERM to exit. Connections that are still open then are closed."
        ).tier(.tune),
        .duration(
            "server.drain-quiet-period", \.server.connection.drainQuietPeriod, .zero...hour,
            "Time after the last accepted call of a draining connection after which it is half-closed. New calls do not count."),
    ]

    private static let admin: [Setting] = [
        .text(
            "admin.address", \.adminAddress, pattern: "^.+:[0-9]{1,5}$",
            "Address of the admin pages, as host:port: metrics, health and status over HTTP. Port 0 takes a free port; empty turns them off."
        ).tier(.tune),
        .flag(
            "admin.allow-network", \.admin.allowsNetwork,
            "Whether the admin pages may be reachable from other machines. They have no authentication, and tell no secret."
        ),
        .text(
            "admin.port-file", \.adminPortFile,
            "Path to a file that receives the port of the admin pages while the server listens. Only a file with a port is replaced. Empty for none."
        ),
        .count(
            "admin.max-connections", \.admin.maximumConnections, 1...10_000,
            "Maximum open connections to the admin pages. A further connection replaces the one that has waited longest for a request."
        ),
    ]

    private static let tls: [Setting] = [
        .text(
            "tls.certificate-file", \.tls.certificate,
            "Path to a PEM file with the server's certificate, followed by its intermediates. Empty for no TLS."
        ).tier(.tune),
        .text("tls.private-key-file", \.tls.key, "Path to a PEM file with the private key of that certificate.").tier(.tune),
        .pathOrNone(
            "tls.client-ca-file", \.tls.clientAuthorities,
            "Path to a PEM file with the authorities that sign callers' certificates. none asks for no certificate."
        ).tier(.tune),
        .choice(
            "tls.client-auth", \.tls.clientCertificates,
            "Whether callers must present a certificate if tls.client-ca-file is set: required or optional. Others are named by address."
        ).tier(.tune),
        .duration(
            "tls.handshake-timeout", \.server.handshakeTimeout, .milliseconds(1)...hour,
            "Maximum time for a TLS handshake. Then the connection is closed."),
    ]

    private static let authorization: [Setting] = [
        .pathOrNone(
            "authorization.policy-file", \.policyFile,
            "Path to a YAML or JSON file of permissions and limits per caller. none for the default: callers on this machine may verify, exchange, revoke tokens and read statistics; others may verify."
        ).tier(.tune),
        .percentage(
            "authorization.connections", \.server.connectionsPerCaller, 0.01...1,
            "Maximum open connections per caller, in percent of server.max-connections. A rule of the policy can allow more."),
        .percentage(
            "authorization.calls-in-flight", \.server.callsInFlightPerCaller, 0.01...1,
            "Maximum waiting calls per caller, in percent of server.max-waiting-calls. A rule of the policy can allow more."),
        .count(
            "authorization.misses-per-second", \.cacheMissLimiter.perSecond, 1...1_000_000,
            "Maximum cache misses per second and caller. Further misses get LIMIT_CALLER_MISSES. A caller that was the only one for a minute may use the provider's whole budget."
        ).tier(.tune),
        .count(
            "authorization.misses-burst", \.cacheMissLimiter.burst, 1...1_000_000,
            "Maximum cache misses of a caller at once after a time without misses."),
        .count(
            "authorization.account-revocations-per-second", \.accountRevocationLimiter.perSecond, 1...1_000_000,
            "Maximum revocations and deletions of accounts per second and caller. Further ones get LIMIT_CALLER_RATE."),
        .count(
            "authorization.account-revocations-burst", \.accountRevocationLimiter.burst, 1...1_000_000,
            "Maximum revocations and deletions of accounts of a caller at once after a time without them."),
        .count(
            "authorization.max-denials", \.cache.maximumDenialsPerCaller, 1...10_000_000,
            "Maximum denials of tokens and accounts that the revocations of one caller hold."),
        .count(
            "authorization.ipv6-prefix-length", \.server.ipv6PrefixLength, 1...128,
            "Length of the network prefix by which IPv6 callers without a certificate are counted, in bits."),
        .count(
            "authorization.network-misses-per-second", \.cacheMissLimiter.networkPerSecond, 0...1_000_000,
            "Maximum cache misses per second of all callers in a network that only their addresses name. 0 for no limit."),
        .count(
            "authorization.network-misses-burst", \.cacheMissLimiter.networkBurst, 1...1_000_000,
            "Maximum cache misses of a network at once after a time without misses."),
        .count(
            "authorization.network-ipv4-prefix-length", \.networkIPv4PrefixLength, 1...32,
            "Length of the prefix of an IPv4 network with such a limit, in bits."),
        .count(
            "authorization.network-ipv6-prefix-length", \.networkIPv6PrefixLength, 1...128,
            "Length of the prefix of an IPv6 network with such a limit, in bits."),
        .count(
            "authorization.max-callers", \.cacheMissLimiter.maximumCallers, 1...10_000_000,
            "Maximum callers whose limits are tracked one by one. Further callers share one set of limits."),
    ]

    private static let http: [Setting] = [
        .pathOrNone(
            "http.profiles-file", \.httpProfilesFile,
            "Path to a YAML or JSON file of profiles, which gateways name as /profiles/NAME/auth. none for the profile default only, which requires nothing."
        ),
        .pathOrNone(
            "http.introspection-clients-file", \.introspectionClientsFile,
            "Path to a YAML or JSON file of the clients that may use /oauth2/introspect, with their secrets. none for every caller."
        ),
    ]

    private static let cache: [Setting] = [
        .duration("cache.ttl", \.cache.ttl, .zero...day, "TTL of a valid token. 0s turns the cache off for valid tokens.").tier(
            .tune),
        .duration(
            "cache.negative-ttl", \.cache.negativeTTL, .zero...day,
            "TTL of a rejected token. 0s turns the cache off for rejected tokens."
        ).tier(.tune),
        .percentage(
            "cache.jitter", \.cache.jitter, 0...1,
            "Maximum random change of a TTL, up or down, as a percentage of it. Spreads refreshes over time."),
        .percentage(
            "cache.refresh-ahead", \.cache.refreshAhead, 0...0.9,
            "Last part of a TTL in which a hit refreshes the entry in the background, as a percentage. 0% for never."
        ).tier(.tune),
        .duration(
            "cache.stale-if-error", \.cache.staleIfError, .zero...day,
            "Time past its TTL for which a valid token is served, marked STALE, while the provider is unavailable. 0s for never."
        ).tier(.tune),
        .duration(
            "cache.stale-refresh-interval", \.cache.staleRefreshInterval, .milliseconds(1)...hour,
            "Time between two attempts to refresh a stale entry, or an entry whose refresh failed."),
        .duration(
            "cache.stale-reserve", \.cache.staleReserve, .zero...hour,
            "Time before its deadline at which a call stops waiting for the provider, if a stale entry can be served."),
        .duration(
            "cache.clock-skew", \.cache.clockSkew, .zero...hour,
            "Time by which the local clock may lag behind the provider's. Tokens expire that much earlier."),
        .count(
            "cache.max-entries", \.cache.valid.entries, 0...100_000_000,
            "Maximum valid tokens in the cache. provider.max-calls-per-second times cache.ttl can be kept fresh. Below cache.shards, some shards keep none."
        ).tier(.tune),
        .bytes("cache.max-bytes", \.cache.valid.bytes, 0...(1 << 40), "Maximum memory for valid tokens.").tier(.tune),
        .count("cache.max-negative-entries", \.cache.negative.entries, 0...100_000_000, "Maximum rejected tokens in the cache."),
        .bytes("cache.max-negative-bytes", \.cache.negative.bytes, 0...(1 << 40), "Maximum memory for rejected tokens."),
        .powerOfTwo(
            "cache.shards", \.cache.shards, 1...256,
            "Number of shards, each with a lock and an equal part of the limits. A power of two."),
        .duration(
            "cache.revocation-lag", \.cache.revocationLag, .zero...hour,
            "Time after the revocation of an account for which the provider's answers about it are unavailable, since it may lag."),
        .duration(
            "cache.rejection-storm.window", \.cache.rejectionStorm.window, .milliseconds(1)...hour,
            "Time in which re-checks of known tokens are counted to find a rejection storm."),
        .count(
            "cache.rejection-storm.min-accounts", \.cache.rejectionStorm.minimumAccounts, 0...10_000,
            "Minimum accounts that were re-checked in that time. 0 to believe every rejection."),
        .percentage(
            "cache.rejection-storm.threshold", \.cache.rejectionStorm.percentage, 0...100,
            "Percentage of these accounts above which rejections are taken for an outage of the provider, and not believed."),
        .duration(
            "cache.rejection-storm.max-duration", \.cache.rejectionStorm.duration, .zero...day,
            "Time after which the rejections of a storm are believed."),
        .count(
            "cache.max-denials", \.cache.maximumDenials, 1...10_000_000,
            "Maximum tokens and accounts that are denied because they were revoked."),
        .duration(
            "cache.local-denial-time", \.cache.localDenialTime, .zero...day * 365,
            "Time for which a revoked token without an end is denied if its provider can't revoke it."),
        .count(
            "cache.max-in-flight-lookups", \.cache.maximumInFlightLookups, 1...1_000_000,
            "Maximum tokens that are looked up at providers at once, including lookups that wait to begin. One of several providers gets half at most."
        ),
        .count(
            "cache.max-waiters-per-lookup", \.cache.maximumWaitersPerLookup, 1...1_000_000,
            "Maximum calls that may wait for one lookup."),
    ]

    private static let provider: [Setting] = [
        .choice(
            "provider.kind", \.providerKind,
            "Kind of the only provider. auto for the kind whose settings are set: see account-kit, facebook-login, introspection and jwt."
        ).tier(.mustSet),
        .text(
            "provider.name", \.providerName, pattern: "^[A-Za-z0-9._-]{1,64}$",
            "Name of the only provider in identities, statistics and log lines. Letters, digits, dots, hyphens and underscores, 64 at most. Empty for the name of its kind."
        ),
        .text(
            "provider.file", \.providerFile,
            "Path to a YAML or JSON file of several providers. Replaces the settings of account-kit, facebook-login, introspection and jwt."
        ).tier(.mustSet),
        .count(
            "provider.max-concurrent-calls", \.governor.concurrentCalls, 1...10_000,
            "Maximum provider requests in flight, per application."
        ).tier(.tune),
        .count(
            "provider.max-calls-per-second", \.governor.callsPerSecond, 1...1_000_000,
            "Maximum provider requests per second and application, retries included."
        ).tier(.tune),
        .count(
            "provider.calls-burst", \.governor.callsBurst, 1...1_000_000,
            "Maximum provider requests that may begin at once after an idle time."
        ).tier(.tune),
        .count(
            "provider.max-waiting-calls", \.governor.maximumWaiting, 0...1_000_000,
            "Maximum calls that wait for provider.max-concurrent-calls or provider.max-calls-per-second."),
        .duration(
            "provider.throttle-back-off", \.governor.throttleBackOff, .zero...hour,
            "Time to back off after the provider throttles without naming a time. Doubled while throttling continues."),
        .duration(
            "provider.max-throttle-back-off", \.governor.maximumThrottleBackOff, .zero...day,
            "Maximum time to back off, whatever the provider names."),
        .percentage(
            "provider.usage-limit", \.governor.usageLimit, 1...1_000,
            "Used percentage of the provider's allowance, as the provider reports it, at which Doorman backs off."),
        .count(
            "provider.circuit-breaker.consecutive-failures", \.governor.circuitBreaker.consecutiveFailures, 0...1_000_000,
            "Number of consecutive failures that open the circuit breaker. 0 for never."),
        .duration(
            "provider.circuit-breaker.open-time", \.governor.circuitBreaker.openTime, .milliseconds(1)...hour,
            "Time for which the circuit breaker stays open at first. Doubled after each failed probe."),
        .duration(
            "provider.circuit-breaker.max-open-time", \.governor.circuitBreaker.maximumOpenTime, .milliseconds(1)...hour,
            "Maximum time for which the circuit breaker stays open before the next probe."),
        .duration(
            "provider.circuit-breaker.recovery-time", \.governor.circuitBreaker.recoveryTime, .zero...hour,
            "Time after an outage in which callers over their limit of cache misses are still served stale entries."),
        .count(
            "provider.circuit-breaker.half-open-calls", \.governor.circuitBreaker.halfOpenCalls, 1...10_000,
            "Maximum probes in flight while the circuit breaker is half-open."),
        .duration(
            "provider.circuit-breaker.slow-call", \.governor.circuitBreaker.slowCall, .zero...hour,
            "Minimum duration at which a call that misses its own deadline counts as a failure. At most half of provider.call-timeout."
        ),
        .percentage("provider.retry-budget", \.governor.retryBudget, 0...100, "Maximum retries as a percentage of calls."),
        .count("provider.retry-burst", \.governor.retryBurst, 0...1_000_000, "Maximum retries at once beyond that percentage."),
        .duration(
            "provider.min-retry-time", \.governor.minimumRetryTime, .zero...hour,
            "Minimum time left before the deadline for a retry, or for a call that had to wait, to begin."),
        .duration(
            "provider.connect-timeout", \.transport.connectTimeout, .milliseconds(1)...hour,
            "Maximum time to connect to the provider: DNS, TCP and TLS."),
        .duration(
            "provider.request-timeout", \.transport.requestTimeout, .milliseconds(1)...hour,
            "Maximum time for one provider request. Leave time for a retry: shorter than provider.call-timeout."
        ).tier(.tune),
        .duration(
            "provider.call-timeout", \.cache.lookupTimeout, .milliseconds(1)...hour,
            "Maximum time for one lookup with all its retries, however long its callers wait. Shorter than server.default-call-timeout."
        ).tier(.tune),
        .bytes(
            "provider.max-body", \.transport.maximumBodyBytes, 1024...(64 << 20), "Maximum length of the provider's response body."),
        .bytes(
            "provider.max-headers", \.transport.maximumHeaderBytes, 1024...(1 << 20),
            "Maximum length of the provider's response headers."),
        .count("provider.max-connections", \.transport.maximumConnections, 1...10_000, "Maximum connections to the provider."),
        .duration(
            "provider.max-connection-lifetime", \.transport.maximumConnectionLifetime, .seconds(1)...day,
            "Time after which a connection takes no new requests. A new connection uses the current DNS addresses."),
        .count(
            "provider.timeouts-until-reconnect", \.transport.timeoutsUntilReconnect, 1...1000,
            "Number of consecutive time-outs after which the next request opens a new connection."),
        .duration(
            "provider.dns-cache-ttl", \.transport.dnsCacheTTL, .zero...hour,
            "TTL of the provider's addresses for new connections, in whole seconds. 0s for no cache."),
        .text(
            "provider.ca-file", \.caFile, "Path to a PEM file with the certificate authorities to trust. Empty for the system's."
        ).tier(.tune),
        .proxy(
            "provider.proxy", \.proxy,
            "URL of a proxy, http:// or socks5://, without credentials. Providers on localhost, 127.0.0.0/8 and ::1 are asked without it. Empty for none; http_proxy and the like are ignored."
        ).tier(.tune),
        .flag(
            "provider.propagate-trace-context", \.propagatesTraceContext,
            "Whether providers get the headers traceparent and tracestate of the request that caused theirs. For providers of your own: they tell others of your traces."
        ),
    ]

    static let hour = Duration.seconds(3600)
    static let day = Duration.seconds(86_400)
}
