internal import ArgumentParser
internal import DoormanClient

/// Which server, for how long, and how to print: the same for every command.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server: host:port, [address]:port or unix:/path. (default: $DOORMAN_ADDR, or 127.0.0.1:7117)",
            valueName: "address"))
    var address: String?

    @Option(
        help: ArgumentHelp(
            "How long to wait in all, connecting included: 500ms, 2s, 1m. (default: 2s)", valueName: "duration"),
        transform: DurationText.parse)
    var timeout: Duration?

    @Flag(help: "Print JSON.")
    var json = false

    /// - Parameter environment: What `DOORMAN_ADDR` says, if it is set.
    func target(environment: String?) throws(ValidationError) -> DoormanTarget {
        let text = address ?? environment ?? "127.0.0.1:\(DoormanTarget.defaultPort)"
        do {
            return try DoormanTarget(parsing: text)
        } catch {
            throw ValidationError("\(address == nil ? "DOORMAN_ADDR" : "--address") \(error)")
        }
    }

    func makeClient() throws(ValidationError) -> DoormanClient {
        let target = try target(environment: StandardStreams.environment("DOORMAN_ADDR"))
        var settings = DoormanClientSettings()
        if let timeout { settings.timeout = timeout }
        return DoormanClient(target: target, settings: settings)
    }

    /// Asks, and prints the answer or what failed.
    ///
    /// - Parameter ask: Says what to print, and whether it is a success.
    func run(_ ask: (DoormanClient) async throws(DoormanError) -> Report) async throws {
        let client = try makeClient()
        let result: Result<Report, DoormanError>
        do throws(DoormanError) {
            result = .success(try await ask(client))
        } catch {
            result = .failure(error)
        }
        await client.close()
        switch result {
        case .success(let report): try finish(report)
        case .failure(let error): try fail(FailureReport(error))
        }
    }

    /// Prints an answer; throws its status, unless that is a success.
    func finish(_ report: Report) throws(ExitStatus) {
        StandardStreams.write(json ? report.json.text + "\n" : report.text, to: .output)
        if report.status != .success { throw report.status }
    }

    /// Prints a failure, and throws its status.
    func fail(_ failure: FailureReport) throws(ExitStatus) {
        if json { StandardStreams.write(failure.json.text + "\n", to: .output) }
        StandardStreams.write(failure.line, to: .error)
        throw failure.status
    }
}
