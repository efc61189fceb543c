internal import ArgumentParser
internal import DoormanClient

/// Asks a server through the client library as fast as it answers, from as many tasks as there may be calls in flight.
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

    func run() async throws {
        let lines = try Lines(path: tokens, atMost: keys)
        var settings = DoormanClientSettings()
        settings.connectionsPerServer = connections
        settings.timeout = .seconds(30)
        let client = DoormanClient(target: try DoormanTarget(parsing: connect), settings: settings)
        let clock = ContinuousClock()
        let start = clock.now.advanced(by: .seconds(warmUp))
        let end = start.advanced(by: .seconds(seconds))
        let executor = onClientThread ? client.taskExecutor : nil
        let taskCount = connections * depth
        let counts = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for worker in 0..<taskCount {
                tasks.addTask(executorPreference: executor) {
                    var (count, next, untilLook) = (0, worker % lines.tokens.count, 8)
                    while true {
                        _ = try await client.verify(lines.tokens[next])
                        next = (next + taskCount) % lines.tokens.count
                        // The clock is not free, so it is asked now and then.
                        untilLook -= 1
                        if untilLook == 0 {
                            untilLook = 8
                            let now = clock.now
                            if now < start { count = 0 }
                            if now >= end { return count }
                        }
                        count += 1
                    }
                }
            }
            return try await tasks.reduce(0, +)
        }
        await client.close()
        print("calls_per_second=\(Int(Double(counts) / seconds))")
    }
}
