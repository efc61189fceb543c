import TestKit

/// Runs the built `doorman`.
enum Program {
    struct Ending: Sendable, Equatable {
        let status: Int32
        let output: String
        let error: String
    }

    /// Runs the program to its end.
    static func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) async throws -> Ending {
        let process = try ChildProcess(ChildProcess.built("doorman"), arguments, environment: environment, input: input)
        return Ending(status: try await process.ending(), output: process.output, error: process.errorOutput)
    }
}
