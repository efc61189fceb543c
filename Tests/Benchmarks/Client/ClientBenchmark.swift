internal import ArgumentParser
internal import DoormanClient

/// Asks a server through the client library as fast as it answers, from as many tasks, or chains of completions, as there may be calls in
/// flight, and reads of each answer whose token it is.
@main
struct ClientBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "client-benchmark")

    @Option(help: "host:port of the server.")
    var connect: String

    @Option(help: "A file of tokens, one a line, all of which the server knows.")
    var tokens: String

    @Option(help: "How many of the tokens are used.")
    var keys = 10_000

    @Option var connections = 1

    @Option(help: "Calls in flight on each connection.")
    var depth = 64

    @Option(help: "Seconds before counting begins.")
    var warmUp = 0.2

    @Option(help: "Seconds of counting.")
    var seconds = 1.0

    @Flag(help: "The tasks run on the client's thread (DoormanClient.taskExecutor), not on Swift's own.")
    var onClientThread = false

    @Flag(help: "Calls end with completions, not with tasks.")
    var completions = false

    func run() async throws {
        let lines = try Lines(path: tokens, atMost: keys)
        var settings = DoormanClientConfiguration()
        settings.connectionsPerServer = connections
        settings.timeout = .seconds(30)
        let client = DoormanClient(target: try DoormanTarget(parsing: connect), configuration: settings)
        let executor = onClientThread ? client.taskExecutor : nil
        let callers = connections * depth
        let period = Period(warmUp: .seconds(warmUp), measured: .seconds(seconds))
        let counts = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for number in 0..<callers {
                let turn = Turn(number: number, of: callers, tokens: lines.tokens, period: period)
                if completions {
                    tasks.addTask { try await Chain(client, turn).run() }
                } else {
                    tasks.addTask(executorPreference: executor) {
                        var turn = turn
                        while let token = turn.next() {
                            let identity = try await client.verify(token)
                            precondition(!identity.accountID.isEmpty)
                        }
                        return turn.count
                    }
                }
            }
            return try await tasks.reduce(0, +)
        }
        await client.close()
        print("calls_per_second=\(Int(Double(counts) / seconds))")
    }
}
