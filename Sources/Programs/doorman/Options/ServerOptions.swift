internal import ArgumentParser
internal import DoormanClient

/// Which server, for how long, and how to print: the same for every command.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The server: host:port, [address]:port or unix:/path, or several with commas between. \
            (default: $DOORMAN_ADDRESS, or 127.0.0.1:7117)
            """,
            valueName: "address"))
    var address: String?

    @Option(
        help: ArgumentHelp(
            "How long to wait in all, connecting included: 500ms, 2s, 1m. (default: $DOORMAN_TIMEOUT, or 2s)",
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

    /// Asks, and prints the answer or what failed.
    ///
    /// - Parameter ask: Says what to print, and whether it is a success.
    func run(
        settings: DoormanClientConfiguration = DoormanClientConfiguration(),
        _ ask: (DoormanClient) async throws(DoormanError) -> Report
    ) async throws {
        let choice = try choice()
        let client = choice.makeClient(settings)
        let result: Result<Report, DoormanError>
        do throws(DoormanError) {
            result = .success(try await ask(client))
        } catch {
            result = .failure(error)
        }
        await client.close()
        switch result {
        case .success(let report): try finish(report)
        case .failure(let error): try fail(choice.report(error))
        }
    }

    /// Prints an answer; throws its status, unless that is a success.
    func finish(_ report: Report) throws(ExitStatus) {
        StandardStreams.write(json ? report.json + "\n" : report.text(on: .output), to: .output)
        if report.status != .success { throw report.status }
    }

    /// Prints a failure, and throws its status.
    func fail(_ failure: FailureReport) throws(ExitStatus) {
        if json { StandardStreams.write(failure.json + "\n", to: .output) }
        failure.complain()
        throw failure.status
    }
}
