internal import ArgumentParser

/// Times the steps one after the other, or runs one of them a number of times for a profiler to count instructions.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Times each step of a hit: nanoseconds a call, the best and the median of the batches.")

    @Option(help: "Only the step of this name.")
    var step: String?

    @Option(help: "Run the step this many times, untimed: for a profiler that counts instructions.")
    var iterations: Int?

    @Option(help: "Tokens in memory.")
    var entries = 100_000

    @Option(help: "How many of them are asked for.")
    var asked = 10_000

    @Option(help: "Batches that are timed, of 10,000 calls each.")
    var batches = 50

    @Flag(help: "Only list the names of the steps.")
    var list = false

    private static let callsABatch = 10_000

    func run() async throws {
        let scene = try Scene()
        try await scene.fill(max(1, entries))
        let steps = try Steps(scene, entries: max(1, entries), asked: max(16, asked)).all.filter { step == nil || $0.name == step }
        guard !steps.isEmpty else { throw ValidationError("there is no such step; see --list") }
        for step in steps {
            if list {
                print(step.name)
            } else if let iterations {
                step.run(iterations)
            } else {
                print(time(step))
            }
        }
    }

    private func time(_ step: Step) -> String {
        step.run(Self.callsABatch)
        let clock = ContinuousClock()
        let durations = (0..<max(1, batches)).map { _ in clock.measure { step.run(Self.callsABatch) } / Self.callsABatch }.sorted()
        let name = step.name + String(repeating: " ", count: max(0, 12 - step.name.utf8.count))
        return "\(name) \(nanoseconds(durations[0])) ns at best, \(nanoseconds(durations[durations.count / 2])) ns median"
    }

    private func nanoseconds(_ duration: Duration) -> Int64 {
        duration.components.attoseconds / 1_000_000_000
    }
}
