internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// The options of every command: the server, the timeout, and the output format.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            Server: host, host:port, [address]:port or unix:/path. The default port is 7117. Commas separate several servers. \
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

    @Flag(name: .shortAndLong, help: "Print JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print the server, the use of TLS and the time taken on standard error.")
    var verbose = false

    @OptionGroup var tls: TLSOptions

    /// Makes the client of a choice. With `--verbose`, prints the choice.
    func makeClient(
        _ choice: ServerChoice, _ settings: DoormanClientConfiguration = DoormanClientConfiguration()
    ) -> DoormanClient {
        if verbose { for line in choice.lines(settings) { StandardStreams.writeError("doorman: \(line)\n") } }
        return choice.makeClient(settings)
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
        let client = makeClient(choice, settings)
        let start = ContinuousClock.now
        let result: Result<Report, DoormanError>
        do throws(DoormanError) {
            result = .success(try await call(client))
        } catch {
            result = .failure(error)
        }
        if verbose { StandardStreams.writeError("doorman: took \(DurationText.milliseconds(ContinuousClock.now - start)) ms\n") }
        await client.close()
        switch result {
        case .success(let report): try finish(report)
        case .failure(let error): try fail(choice.report(error))
        }
    }

    /// Prints a report, and throws its status unless it is a success.
    func finish(_ report: Report) throws {
        try StandardStreams.write(json ? report.json + "\n" : report.text(on: .output))
        for warning in report.warnings { StandardStreams.writeError(warning) }
        if report.status != .success { throw report.status }
    }

    /// Prints a failure and throws its status.
    func fail(_ failure: FailureReport) throws {
        if json { try StandardStreams.write(failure.json + "\n") }
        failure.printLine()
        throw failure.status
    }
}
