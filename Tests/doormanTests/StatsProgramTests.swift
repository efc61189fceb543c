import TestKit
import Testing

@Suite("doorman stats", .timeLimit(.minutes(2)))
struct StatsProgramTests {
    private func start(_ arguments: [String], port: Int) throws -> ChildProcess {
        try ChildProcess(
            ChildProcess.built("doorman"), ["stats", "--address", "127.0.0.1:\(port)", "--timeout", "1m"] + arguments)
    }

    private func run(_ arguments: [String], vectors: [String]) async throws -> Program.Ending {
        let server = try VectorServer()
        let process = try start(arguments, port: server.port)
        try await server.answerCalls(with: try vectors.map { try GoldenVector.named($0) })
        return Program.Ending(status: try await process.ending(), output: process.output, error: process.errorOutput)
    }

    @Test("stats prints a screen of text")
    func text() async throws {
        let ending = try await run([], vectors: ["response-stats"])
        #expect(ending.status == 0 && ending.error.isEmpty, "\(ending)")
        #expect(ending.output.contains("started:          2017-07-14T02:40:00.000Z, 1 h 0 min ago\n"), "\(ending)")
        #expect(ending.output.contains("1111122222333334 open, backing off for 1.5 s; others closed\n"), "\(ending)")
    }

    @Test("stats --json prints one object")
    func json() async throws {
        let ending = try await run(["--json"], vectors: ["response-stats"])
        #expect(ending.status == 0 && ending.error.isEmpty, "\(ending)")
        #expect(ending.output.contains(#","outcome":"statistics","#) && ending.output.filter { $0 == "\n" }.count == 1)
    }

    @Test("stats --watch prints a line for each interval until Ctrl-C", arguments: [[], ["--json"]])
    func watch(arguments: [String]) async throws {
        let server = try VectorServer()
        let process = try start(["--watch", "1ms"] + arguments, port: server.port)
        async let ending = interrupt(process, afterLines: 2)
        try await server.answerCalls(with: try ["stats-just-started", "stats"].map { try GoldenVector.named("response-\($0)") })
        #expect(try await ending == 0, "\(process.allOutput)")
        let lines = process.output.split(separator: "\n")
        #expect(lines.count == 2 && process.errorOutput.isEmpty, "\(process.allOutput)")
        if arguments.isEmpty {
            #expect(lines.last?.hasPrefix("2017-07-14T03:40:00.000Z ") == true, "\(process.output)")
        } else {
            #expect(lines.last?.contains(#""counted_seconds":3600,"#) == true, "\(process.output)")
        }
    }

    private func interrupt(_ process: ChildProcess, afterLines count: Int) async throws -> Int32 {
        try await eventually("it has printed so many lines") { process.output.filter { $0 == "\n" }.count >= count }
        process.interrupt()
        return try await process.ending()
    }

    @Test("stats --watch continues after a retryable failure")
    func failures() async throws {
        let ending = try await run(
            ["--watch", "1ms"],
            vectors: ["response-stats", "failure-limit-caller-rate", "response-stats", "failure-caller-not-allowed"])
        #expect(ending.status == 3, "\(ending)")
        #expect(ending.output.split(separator: "\n").count == 2, "\(ending)")
        let errors = ending.error.split(separator: "\n")
        #expect(errors.count == 2, "\(ending)")
        #expect(errors.first?.contains("LIMIT_CALLER_RATE") == true && errors.last?.contains("CALLER_NOT_ALLOWED") == true)
    }

    @Test("a first call that fails ends stats", arguments: [[], ["--watch"]])
    func firstCall(arguments: [String]) async throws {
        let notAllowed = try await run(arguments, vectors: ["failure-caller-not-allowed"])
        #expect(notAllowed.status == 3 && notAllowed.output.isEmpty, "\(notAllowed)")
        #expect(notAllowed.error.contains("Ask the server's operator"), "\(notAllowed)")
        let unreachable = try await Program.run(
            ["stats", "--address", "unix:/nonexistent/doorman.sock", "--timeout", "1s"] + arguments)
        #expect(unreachable.status == 3 && unreachable.error.contains("Start doormand"), "\(unreachable)")
    }

    @Test(
        "wrong use ends with exit code 2",
        arguments: [["5s"], ["--watch", "5"], ["--watch", "1s", "2s"], ["--address", "127.0.0.1:1,127.0.0.1:2"]])
    func wrongUse(arguments: [String]) async throws {
        let ending = try await Program.run(["stats"] + arguments)
        #expect(ending.status == 2, "\(ending)")
        #expect(ending.error.hasPrefix("doorman: ") && ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
    }
}
