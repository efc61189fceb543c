import Foundation
import TestKit

extension ChildProcess {
    /// Variables of a `doormand` with a provider that works. A slow machine is no outage.
    static let patience = [
        "DOORMAN_PROVIDER_CONNECT_TIMEOUT": "5s", "DOORMAN_PROVIDER_REQUEST_TIMEOUT": "5s", "DOORMAN_PROVIDER_CALL_TIMEOUT": "10s",
        "DOORMAN_SERVER_DEFAULT_CALL_TIMEOUT": "15s",
    ]

    /// Starts a program of this package.
    static func ours(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        try ChildProcess(
            ChildProcess.built(name), arguments,
            environment: environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { given, _ in given })
    }

    /// Waits until the program has written its port to a file.
    func port(from file: URL) async throws -> Int {
        var port: Int?
        try await eventually("a port is in \(file.lastPathComponent)", within: .seconds(60)) {
            port = FileManager.default.contents(atPath: file.path)
                .flatMap { Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) }
            return port != nil || !isRunning
        }
        guard let port else { throw NeverHappened(description: "the program ended: \(allOutput)") }
        return port
    }
}

/// Runs the body with a temporary folder, which is removed afterwards.
func withTemporaryFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doorman-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
}
