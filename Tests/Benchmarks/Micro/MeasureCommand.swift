internal import ArgumentParser

/// Times the steps one after another, or runs a step repeatedly for a profiler that counts instructions.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure each step of a cache hit in nanoseconds per call: best and median of the batches.")

    @Option(help: "Name of the only step to run.")
    var step: String?

    @Option(help: "Number of times to run the step without timing, for a profiler that counts instructions.")
    var iterations: Int?

    @Option(help: "Number of cached tokens.")
    var entries = 100_000

    @Option(help: "Number of cached tokens that are looked up.")
    var used = 10_000

    @Option(help: "Number of timed batches, of 10,000 calls each.")
    var batches = 50

    @Flag(help: "Only list the names of the steps.")
    var list = false

    private static let callsPerBatch = 10_000

    func run() async throws {
        let scene = try Scene()
        try await scene.fill(max(1, entries))
        let steps = try Steps(scene, entries: max(1, entries), used: max(16, used)).all.filter { step == nil || $0.name == step }
        guard !steps.isEmpty else { throw ValidationError("unknown step; --list shows all steps") }
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
        step.run(Self.callsPerBatch)
        let clock = ContinuousClock()
        let durations = (0..<max(1, batches)).map { _ in clock.measure { step.run(Self.callsPerBatch) } / Self.callsPerBatch }
            .sorted()
        let name = step.name + String(repeating: " ", count: max(0, 12 - step.name.utf8.count))
        return "\(name) \(nanoseconds(durations[0])) ns at best, \(nanoseconds(durations[durations.count / 2])) ns median"
    }

    private func nanoseconds(_ duration: Duration) -> Int64 {
        duration.components.attoseconds / 1_000_000_000
    }
}
