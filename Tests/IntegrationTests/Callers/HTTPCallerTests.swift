import Foundation
import TestKit
import Testing

/// The callers that `docs/how-to/call-over-http.md` shows, each through every kind of response. `Scripts/setup --all` installs their
/// languages.
@Suite("Callers over HTTP in other languages", .serialized, .timeLimit(.minutes(2)))
struct HTTPCallerTests {
    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized

    enum Caller: String, CaseIterable, Sendable {
        case express, php, python

        var isInstalled: Bool {
            let needed =
                switch self {
                case .express: ["/usr/bin/node", "/usr/share/nodejs/express/package.json"]
                case .php: ["/usr/bin/php"]
                case .python: ["/usr/bin/python3"]
                }
            return needed.allSatisfy { FileManager.default.fileExists(atPath: $0) }
        }
    }

    @Test("a caller tells a rejection from a call without a verdict", arguments: Caller.allCases.filter(\.isInstalled))
    func responses(caller: Caller) async throws {
        let programs = URL(fileURLWithPath: ChildProcess.built("doormand")).deletingLastPathComponent().path
        let script = Self.root.appendingPathComponent("Tests/Interop/Callers/http-callers.py").path
        // `timeout` puts all processes into one group, and ends that.
        let run = try ChildProcess(
            "timeout", ["--kill-after=5", "60", "python3", script, "--programs", programs, caller.rawValue],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE": "1"])
        let status = try await run.ending(within: .seconds(70))
        #expect(status == 0, "\(run.allOutput)")
        #expect(run.output.split(separator: "\n").count { $0.hasSuffix(": ok") } >= 8, "\(run.allOutput)")
    }
}
