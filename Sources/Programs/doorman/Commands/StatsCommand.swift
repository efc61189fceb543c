internal import ArgumentParser
internal import DoormanClient
internal import UnixSignals

/// `doorman stats`: what is the server doing, and how full is it?
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Say what the server is doing, and how full it is.",
        discussion: """
            Says how calls came out, how many memory answered, how the provider does, and how much of each limit is used: since the \
            server started, or with --watch since the time before. A terminal is drawn anew each time; elsewhere, and with --json, \
            each time is a line. Ctrl-C ends it, with exit code 0. The server tells callers on its own machine, unless its policy \
            says otherwise; a rule's method is 'stats'.
            """)

    /// How watching ended.
    private enum Ending: Sendable {
        case interrupted
        case failed(FailureReport)
    }

    static let usualInterval = Duration.seconds(2)

    @Flag(help: "Ask again and again, until Ctrl-C.")
    var watch = false

    @Argument(
        help: ArgumentHelp("How long to wait between, with --watch: 500ms, 2s, 1m. (default: 2s)", valueName: "interval"),
        transform: Duration.init(option:))
    var interval: Duration?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if interval != nil && !watch { throw ValidationError("an interval is for --watch") }
    }

    func run() async throws {
        let choice = try server.choice()
        // Of several any may answer, and one's counts say nothing of another's.
        guard choice.targets.count == 1 else {
            throw ValidationError("statistics are one server's: name one with --address")
        }
        guard watch else {
            return try await server.run { client throws(DoormanError) in Report(StatisticsReport(try await client.statistics())) }
        }
        let client = choice.makeClient(DoormanClientConfiguration())
        // Before anything is shown: whoever sees something may end it.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let watch = StatisticsWatch(
            client: client, choice: choice, interval: interval ?? Self.usualInterval, isJSON: server.json)
        let ending = await withTaskGroup(of: Ending.self) { tasks in
            tasks.addTask { await watch.run().map(Ending.failed) ?? .interrupted }
            tasks.addTask {
                for await _ in signals { break }
                return .interrupted
            }
            let first = await tasks.next()
            tasks.cancelAll()
            return first ?? .interrupted
        }
        await client.close()
        if case .failed(let failure) = ending { try server.fail(failure) }
    }
}
