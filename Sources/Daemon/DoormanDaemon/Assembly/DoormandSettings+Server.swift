internal import CallerLimits
internal import CurlTransport
internal import DoormanServer

extension DoormandSettings {
    /// Returns the settings of the server, with the listeners and the caller policy.
    ///
    /// - Throws: ``ConfigurationError`` if the caller policy or the address is invalid, if the address needs TLS, or if there is no
    ///   listener.
    func serverSettings() throws(ConfigurationError) -> ServerSettings {
        var problems = ProblemCollector()
        var server = server
        server.maximumCallers = cacheMissLimiter.maximumCallers
        problems.collect(try setListeners(of: &server))
        if server.policy == nil { server.policy = problems.collect(try callerPolicy()) }
        try problems.throwIfAny()
        return server
    }

    /// The limits on revocations of accounts. Callers are tracked like those with cache misses.
    var limitsOfAccountRevocations: CallerRateLimiterSettings {
        var limits = accountRevocationLimiter
        limits.maximumCallers = cacheMissLimiter.maximumCallers
        return limits
    }

    private func setListeners(of server: inout ServerSettings) throws(ConfigurationError) {
        let passed = passedFamilies
        server.unixSocketPath = unixSocket.isEmpty || passed.contains(.unix) ? nil : unixSocket
        server.tcp = nil
        if !address.isEmpty, !passed.contains(.tcp) {
            guard let tcp = ServerSettings.TCPAddress(address) else {
                throw ConfigurationError(problems: [
                    "server.address must be host:port, for example 127.0.0.1:7117, [::1]:7117 or *:7117, or systemd"
                ])
            }
            // A host name is resolved when the server listens, and checked again then.
            guard tls.isTLS || server.allowsPlaintextFromNetwork || tcp.isLoopback ?? true else {
                throw ConfigurationError(problems: ["server.address: \(PlaintextFromNetwork())"])
            }
            server.tcp = tcp
        }
        guard server.tcp != nil || server.unixSocketPath != nil || !passed.isEmpty else {
            throw ConfigurationError(problems: [
                "server.address and server.unix-socket are both empty: set at least one address to listen on"
            ])
        }
    }

    /// Returns the settings of the transport.
    ///
    /// - Parameter governors: The number of governors that share the transport.
    /// - Throws: ``ConfigurationError`` if the authorities of the provider can't be used.
    func transportSettings(governors: Int) throws(ConfigurationError) -> CurlTransport.Settings {
        var transport = transport
        // The governors enforce the limit. The factor allows for abandoned requests that are still in flight.
        transport.maximumRequests = max(transport.maximumRequests, 2 * governor.concurrentCalls * governors)
        transport.authorities = try providerAuthorities()
        transport.proxy = proxy.isEmpty ? nil : proxy
        return transport
    }
}
