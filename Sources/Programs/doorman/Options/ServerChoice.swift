internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// The servers, TLS and timeout that options and environment select.
struct ServerChoice: Equatable {
    /// The addresses of the servers. Never empty.
    let targets: [DoormanTarget]
    /// `nil` for no TLS.
    let tls: DoormanTLS?
    /// The maximum time of a call. `nil` for the default of the command.
    let timeout: Duration?

    /// The servers in words: their addresses, separated by commas.
    var servers: String { targets.map(\.description).joined(separator: ", ") }

    /// Returns the choice in lines for `--verbose`.
    func lines(_ settings: DoormanClientConfiguration) -> [String] {
        [
            "server: \(servers)", "TLS: \(tls?.summary ?? "off")",
            "timeout: \(DurationText.describe(timeout ?? settings.timeout))",
        ]
    }

    func makeClient(_ settings: DoormanClientConfiguration) -> DoormanClient {
        var settings = settings
        if let timeout { settings.timeout = timeout }
        return DoormanClient(targets: targets, tls: tls, configuration: settings)
    }

    /// Returns the report of a failure, with advice on client certificates after a lost connection.
    ///
    /// With TLS 1.3 a server rejects or misses a client certificate after the handshake. The client only sees that the connection ends.
    func report(_ error: DoormanError) -> FailureReport {
        guard error.kind == .unavailable(.connectionLost), let tls else { return FailureReport(error) }
        let next =
            tls.keyPair == nil
            ? "If the server requires a client certificate, give --certificate-file and --private-key-file."
            : "Check in the server's log whether it rejects the client certificate."
        return FailureReport(error, next: next)
    }
}

extension DoormanTarget {
    fileprivate var seemsToBeToken: Bool {
        if case .hostAndPort(let host, _) = address { MisplacedToken.isProbable(host: host) } else { false }
    }
}

extension DoormanTLS {
    /// The configuration in words. Names files, and never their contents.
    fileprivate var summary: String {
        let authorities =
            switch trust {
            case .system: "the system's authorities"
            case .file(let path): "the authorities in \(path)"
            }
        let certificate = keyPair.map { "the client certificate in \($0.certificateFile)" } ?? "no client certificate"
        let name = serverName.map { "the server name \($0)" } ?? "the address as server name"
        return "on, with \(authorities), \(certificate), \(name)"
    }
}

extension ServerOptions {
    func choice(_ environment: CLIEnvironment = .process) throws(ValidationError) -> ServerChoice {
        ServerChoice(
            targets: try targets(environment), tls: try tls.configuration(environment), timeout: try effectiveTimeout(environment))
    }

    private func targets(_ environment: CLIEnvironment) throws(ValidationError) -> [DoormanTarget] {
        guard let value = environment.value(address, "--address", or: .address) else { return [.hostAndPort("127.0.0.1")] }
        let targets: [DoormanTarget]
        do {
            targets = try DoormanTarget.list(parsing: value.text)
        } catch {
            throw ValidationError("\(value.source): \(error)")
        }
        // A token in place of an address must not reach a name server.
        guard !targets.contains(where: \.seemsToBeToken) else {
            throw ValidationError("\(value.source): the host looks like a token: expected host, host:port or unix:/path")
        }
        return targets
    }

    private func effectiveTimeout(_ environment: CLIEnvironment) throws(ValidationError) -> Duration? {
        if let timeout { return timeout }
        guard let text = environment[.timeout] else { return nil }
        guard let timeout = try? Duration(option: text) else {
            throw ValidationError("\(CLIVariable.timeout.rawValue) must be from 1ms to 24h: write 500ms, 2s, 1m or 1h")
        }
        return timeout
    }
}
