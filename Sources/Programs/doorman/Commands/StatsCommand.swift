internal import ArgumentParser
internal import DoormanClient
internal import UnixSignals

/// `doorman stats`: shows the statistics of a server.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show the statistics of the server.",
        usage: "doorman stats [<options>] [<interval>]",
        discussion: """
            Shows the outcomes of calls, the cache's hit ratio, the state of the provider, and the use of each limit. The numbers \
            count from the start of the server or, with --watch, from the previous output. With --watch a terminal is redrawn; \
            elsewhere, and with --json, each output is one line. Ctrl-C ends --watch with exit code 0. By default the server shows \
            its statistics to callers on its own machine. A policy grants them with the method 'stats'.
            """)

    /// The reason why watching ended.
    private enum Ending: Sendable {
        case interrupted
        case failed(FailureReport)
        case outputLost(OutputError)
    }

    static let defaultInterval = Duration.seconds(2)

    @Flag(help: "Repeat until Ctrl-C.")
    var watch = false

    @Argument(
        help: ArgumentHelp("Time between two outputs of --watch: 500ms, 2s, 1m. (default: 2s)", valueName: "interval"),
        transform: Duration.init(option:))
    var interval: Duration?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if interval != nil && !watch { throw ValidationError("an interval needs --watch") }
    }

    func run() async throws {
        let choice = try server.choice()
        // With several servers any of them could respond, and their counters cannot be compared.
        guard choice.targets.count == 1 else {
            throw ValidationError("stats shows one server: name a single server with --address")
        }
        guard watch else {
            return try await server.run { client throws(DoormanError) in Report(StatisticsReport(try await client.statistics())) }
        }
        let client = server.makeClient(choice)
        // Signals are trapped before the first output, after which users may press Ctrl-C.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let watch = StatisticsWatch(
            client: client, choice: choice, interval: interval ?? Self.defaultInterval, isJSON: server.json)
        let ending = await withTaskGroup(of: Ending.self) { tasks in
            tasks.addTask {
                do throws(OutputError) {
                    return try await watch.run().map(Ending.failed) ?? .interrupted
                } catch {
                    return .outputLost(error)
                }
            }
            tasks.addTask {
                for await _ in signals { break }
                return .interrupted
            }
            let first = await tasks.next()
            tasks.cancelAll()
            return first ?? .interrupted
        }
        await client.close()
        switch ending {
        case .interrupted: return
        case .failed(let failure): try server.fail(failure)
        case .outputLost(let error): throw error
        }
    }
}
