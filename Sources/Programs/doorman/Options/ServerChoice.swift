internal import ArgumentParser
internal import DoormanClient

/// Which servers are asked, over what, and for how long: what options and environment come to.
struct ServerChoice: Equatable {
    /// One at least.
    let targets: [DoormanTarget]
    /// Nil for plain TCP.
    let tls: DoormanTLS?
    /// Nil for what is the default where it is used.
    let timeout: Duration?

    func makeClient(_ settings: DoormanClientConfiguration) -> DoormanClient {
        var settings = settings
        if let timeout { settings.timeout = timeout }
        return DoormanClient(targets: targets, tls: tls, configuration: settings)
    }

    /// With TLS 1.3 a server refuses a caller's certificate, or misses it, after the handshake: the connection ends, and no more.
    func report(_ error: DoormanError) -> FailureReport {
        guard error.kind == .unavailable(.connectionLost), let tls else { return FailureReport(error) }
        let next =
            tls.keyPair == nil
            ? "If the server wants a certificate, give --certificate-file and --private-key-file."
            : "See in the server's log whether it refuses this certificate."
        return FailureReport(error, next: next)
    }
}

extension ServerOptions {
    func choice(_ environment: CLIEnvironment = .process) throws(ValidationError) -> ServerChoice {
        ServerChoice(targets: try targets(environment), tls: try tls.decide(environment), timeout: try waiting(environment))
    }

    private func targets(_ environment: CLIEnvironment) throws(ValidationError) -> [DoormanTarget] {
        guard let given = environment.value(address, "--address", or: .address) else { return [.hostAndPort("127.0.0.1")] }
        do {
            return try DoormanTarget.list(parsing: given.text)
        } catch {
            throw ValidationError("\(given.source): \(error)")
        }
    }

    private func waiting(_ environment: CLIEnvironment) throws(ValidationError) -> Duration? {
        if let timeout { return timeout }
        guard let text = environment[.timeout] else { return nil }
        guard let timeout = try? Duration(option: text) else {
            throw ValidationError("\(CLIVariable.timeout.rawValue) must be from 1ms to 24h: write 500ms, 2s, 1m or 1h")
        }
        return timeout
    }
}
