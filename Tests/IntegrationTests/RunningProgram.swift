import Foundation
import TestKit

/// A program, mostly one of ours, as a process of its own, for what only a process can show: signals, exit codes, all that it prints.
final class RunningProgram: Sendable {
    let folder: URL
    private let process: Process
    private let outputFile: URL

    private static let programs = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// - Parameter folder: Where its output and port file go.
    convenience init(_ name: String, _ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws {
        try self.init(
            at: Self.programs.appendingPathComponent(name).path, arguments, in: folder,
            environment: environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { given, _ in given })
    }

    /// A program of somebody else's.
    init(at path: String, _ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws {
        self.folder = folder
        process = Process()
        outputFile = folder.appendingPathComponent("\(UUID().uuidString).output")
        try Data().write(to: outputFile)
        let output = try FileHandle(forWritingTo: outputFile)
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var isRunning: Bool { process.isRunning }

    /// All that it has printed so far.
    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }

    /// Its command line, as every user of the machine may read it.
    var commandLine: String {
        let path = "/proc/\(process.processIdentifier)/cmdline"
        return (try? Data(contentsOf: URL(fileURLWithPath: path))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func terminate() {
        kill(process.processIdentifier, SIGTERM)
    }

    /// Waits for its end.
    ///
    /// - Returns: Its exit code.
    func ending() async throws -> Int32 {
        try await eventually("\(process.executableURL?.lastPathComponent ?? "") ends", within: .seconds(60)) { !process.isRunning }
        return process.terminationStatus
    }

    /// Waits until it has written its port.
    func port(from file: URL) async throws -> Int {
        var port: Int?
        try await eventually("a port is in \(file.lastPathComponent); output: \(output)", within: .seconds(60)) {
            port = (try? String(contentsOf: file, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
            return port != nil || !process.isRunning
        }
        guard let port else { throw NeverHappened(description: "the program ended: \(output)") }
        return port
    }
}

/// Gives a folder that is gone afterwards.
func withTemporaryFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doorman-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
}
