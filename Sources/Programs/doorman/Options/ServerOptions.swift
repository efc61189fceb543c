internal import ArgumentParser
internal import DoormanClient

/// The options of every command: the server, the timeout, and the output format.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Server: host:port, [address]:port or unix:/path. Commas separate several servers. \
            (default: $DOORMAN_ADDRESS, or 127.0.0.1:7117)
            """,
            valueName: "address"))
    var address: String?

    @Option(
        help: ArgumentHelp(
            "Maximum time to wait, including connecting: 500ms, 2s, 1m. (default: $DOORMAN_TIMEOUT, or 2s)",
            valueName: "duration"),
        transform: Duration.init(option:))
    var timeout: Duration?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var tls: TLSOptions

    func makeClient(_ settings: DoormanClientConfiguration = DoormanClientConfiguration()) throws(ValidationError) -> DoormanClient
    {
        try choice().makeClient(settings)
    }

    /// Makes a call and prints its result.
    ///
    /// - Parameters:
    ///   - settings: The client's configuration, except for the timeout of the options.
    ///   - call: Makes the call and returns the report to print.
    /// - Throws: The exit status unless it is a success, or `ValidationError` if an option is invalid.
    func run(
        settings: DoormanClientConfiguration = DoormanClientConfiguration(),
        _ call: (DoormanClient) async throws(DoormanError) -> Report
    ) async throws {
        let choice = try choice()
        let client = choice.makeClient(settings)
        let result: Result<Report, DoormanError>
        do throws(DoormanError) {
            result = .success(try await call(client))
        } catch {
            result = .failure(error)
        }
        await client.close()
        switch result {
        case .success(let report): try finish(report)
        case .failure(let error): try fail(choice.report(error))
        }
    }

    /// Prints a report, and throws its status unless it is a success.
    func finish(_ report: Report) throws(ExitStatus) {
        StandardStreams.write(json ? report.json + "\n" : report.text(on: .output), to: .output)
        for warning in report.warnings { StandardStreams.write(warning, to: .error) }
        if report.status != .success { throw report.status }
    }

    /// Prints a failure and throws its status.
    func fail(_ failure: FailureReport) throws(ExitStatus) {
        if json { StandardStreams.write(failure.json + "\n", to: .output) }
        failure.printLine()
        throw failure.status
    }
}
