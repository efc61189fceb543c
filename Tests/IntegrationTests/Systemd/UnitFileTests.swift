import Foundation
import TestKit
import Testing

/// The files of `deploy/systemd`. systemd's own tools check the units; no systemd runs them here.
@Suite("Units of systemd", .serialized, .timeLimit(.minutes(3)))
struct UnitFileTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        .standardized
    private static let folder = root.appendingPathComponent("deploy/systemd")
    private static let analyzer = "/usr/bin/systemd-analyze"
    private static var hasAnalyzer: Bool { FileManager.default.isExecutableFile(atPath: analyzer) }

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// Returns the values of a key of the service unit, or of another file.
    private func values(_ key: String, in name: String = "doormand.service") throws -> [String] {
        try text(name).split(separator: "\n").filter { $0.hasPrefix(key + "=") }.map {
            String($0.dropFirst(key.count + 1))
        }
    }

    private func analyze(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        let run = try ChildProcess(Self.analyzer, arguments, environment: ["PATH": "/usr/bin:/bin", "SYSTEMD_COLORS": "0"])
        return (try await run.ending(), run.allOutput)
    }

    @Test("systemd-analyze verify finds nothing", .enabled(if: hasAnalyzer))
    func verify() async throws {
        try await withTemporaryFolder { folder in
            for name in ["doormand.service", "doormand.socket"] {
                // The tool wants the program to exist.
                try text(name).replacing("/usr/bin/doormand", with: ChildProcess.built("doormand"))
                    .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
            }
            let dropIns = folder.appendingPathComponent("doormand.service.d")
            try FileManager.default.createDirectory(at: dropIns, withIntermediateDirectories: false)
            try text("credentials.conf").write(
                to: dropIns.appendingPathComponent("credentials.conf"), atomically: true, encoding: .utf8)
            let (status, output) = try await analyze(
                ["verify", "--man=no"] + ["doormand.service", "doormand.socket"].map { folder.appendingPathComponent($0).path })
            #expect(status == 0 && output.isEmpty, "\(output)")
        }
    }

    @Test("the exposure that systemd-analyze security finds is at most 1.5", .enabled(if: hasAnalyzer))
    func exposure() async throws {
        let unit = Self.folder.appendingPathComponent("doormand.service").path
        // The threshold is ten times the exposure.
        let (status, output) = try await analyze(["security", "--offline=true", "--no-pager", "--threshold=15", unit])
        #expect(status == 0, "\(output)")
        #expect(output.contains("OK"), "\(output)")
    }

    @Test("doormand accepts the settings with the credentials of the drop-in, and the unit itself needs none")
    func settings() async throws {
        let certificate = try await TestCertificate()
        try await withTemporaryFolder { folder in
            #expect(try values("LoadCredential").isEmpty)
            let credentials = try values("LoadCredential", in: "credentials.conf").map { $0.split(separator: ":")[0] }
            #expect(credentials == ["app-secret", "tls-private-key"])
            func path(_ name: String) -> URL { folder.appendingPathComponent(name) }
            try "0123456789abcdef0123456789abcdef\n".write(to: path("app-secret"), atomically: true, encoding: .utf8)
            try FileManager.default.copyItem(atPath: certificate.keyFile, toPath: path("tls-private-key").path)
            try FileManager.default.copyItem(atPath: certificate.certificateFile, toPath: path("tls-certificate.pem").path)
            // As systemd's credentials are.
            for name in credentials {
                try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path(String(name)).path)
            }
            let settings = try text("doormand.yaml")
            for name in credentials { #expect(settings.contains("/run/credentials/doormand.service/\(name)\n")) }
            try settings.replacing("/run/credentials/doormand.service", with: folder.path)
                .replacing("/etc/doorman", with: folder.path)
                .write(to: path("doormand.yaml"), atomically: true, encoding: .utf8)
            let check = try ChildProcess.ours("doormand", ["--config", path("doormand.yaml").path, "--check-config"])
            #expect(try await check.ending() == 0, "\(check.allOutput)")
            #expect(!check.allOutput.contains("warning"), "\(check.allOutput)")
        }
    }

    @Test(
        "doormand verifies, reloads and drains under the unit's filter of system calls",
        .enabled(if: hasAnalyzer && FileManager.default.fileExists(atPath: "/usr/bin/python3")))
    func systemCalls() async throws {
        let filter = Self.root.appendingPathComponent("Tests/Interop/system-call-filter.py").path
        let unit = Self.folder.appendingPathComponent("doormand.service").path
        try await DoormandProcess.run(variables: ["PATH": "/usr/bin:/bin"], launcher: ["/usr/bin/python3", filter, unit]) {
            doormand in
            _ = try await doormand.cachedToken()
            try await eventually("the server traps SIGHUP") { doormand.program.errorOutput.contains("ready to reload") }
            doormand.program.hangUp()
            try await eventually("the end of a reload") { doormand.program.errorOutput.contains("reloaded the settings") }
            // See proc(5): 2 is a filter.
            #expect(try String(contentsOfFile: "/proc/\(doormand.program.id)/status", encoding: .utf8).contains("Seccomp:\t2"))
        }
    }
}
