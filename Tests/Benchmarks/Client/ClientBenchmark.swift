internal import ArgumentParser
internal import DoormanClient

/// Calls a server through the client library as fast as it responds. Runs a task, or a chain of completions, for each call in flight,
/// and reads the identity of each response.
@main
struct ClientBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "client-benchmark")

    @Option(help: "Address of the server, as host:port.")
    var connect: String

    @Option(help: "Path to a file of tokens, one per line. The server must accept all of them.")
    var tokens: String

    @Option(help: "Number of tokens to use.")
    var keys = 10_000

    @Option var connections = 1

    @Option(help: "Calls in flight on each connection.")
    var depth = 64

    @Option(help: "Time in seconds before counting begins.")
    var warmUp = 0.2

    @Option(help: "Time in seconds during which calls are counted.")
    var seconds = 1.0

    @Flag(help: "Run the tasks on the client's thread (DoormanClient.taskExecutor) instead of Swift's threads.")
    var onClientThread = false

    @Flag(help: "Use completions instead of tasks.")
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
