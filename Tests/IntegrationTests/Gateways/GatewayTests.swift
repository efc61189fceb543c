import Foundation
import TestKit
import Testing

/// Debian's gateways, each with the configuration that its guide shows. `Scripts/setup --all` installs them; `Scripts/gateways` also runs
/// the gateways that Debian does not have.
@Suite("Gateways in front of doormand", .serialized, .timeLimit(.minutes(5)))
struct GatewayTests {
    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized

    enum Gateway: String, CaseIterable, Sendable {
        case nginx, caddy, haproxy

        var isInstalled: Bool {
            ["/usr/sbin/", "/usr/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + rawValue) }
        }
    }

    private static let installed = Gateway.allCases.filter(\.isInstalled)

    @Test("a gateway passes each answer of doormand on, while a client's own headers never arrive", arguments: installed)
    func matrix(gateway: Gateway) async throws {
        let programs = URL(fileURLWithPath: ChildProcess.built("doormand")).deletingLastPathComponent().path
        let matrix = Self.root.appendingPathComponent("Tests/Interop/Gateways/matrix.py").path
        // `timeout` puts all processes into one group, and ends that.
        let run = try ChildProcess(
            "timeout", ["--kill-after=5", "200", "python3", matrix, "--programs", programs, "debian:" + gateway.rawValue],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE": "1"])
        let status = try await run.ending(within: .seconds(220))
        #expect(status == 0, "\(run.allOutput)")
        // A heading of two lines, and one line for each way to doormand.
        let rows = run.output.split(separator: "\n")
        #expect(rows.count == 4, "\(run.allOutput)")
        for row in rows.dropFirst(2) {
            let cells = row.split(separator: "|").dropFirst(2)
            #expect(cells.count == 14, "\(row)")
            #expect(cells.allSatisfy { $0.hasPrefix(" ok") }, "\(row)")
        }
    }
}
