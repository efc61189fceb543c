import DoormanServer
import Foundation
import TestKit
import Testing

/// Attacks over HTTP by the scripts of Tests/Interop/Hostile, which check after each attack that the server answers others, has closed
/// its descriptors, and has not grown.
@Suite("Hostile peers over HTTP", .serialized)
struct HostilePeerTests {
    private static let frameTimeout = 2
    private static let slowHTTPTest = "/usr/bin/slowhttptest"

    private static func isInstalled(_ program: String) -> Bool { FileManager.default.isExecutableFile(atPath: program) }

    private static func run(
        _ settings: [String] = [], _ body: (DoormandProcess) async throws -> Void
    ) async throws {
        try await DoormandProcess.run(
            [
                "--server-frame-timeout", "\(frameTimeout)s", "--server-write-timeout", "\(frameTimeout)s", "--cache-ttl", "1h",
                "--log-level", "trace",
            ] + settings, body)
    }

    /// Runs a script. Its tokens, and the emulator's, begin with `EMAW`, and none of them may be in the server's output.
    private static func attack(_ script: String, with python: String) async throws {
        try await run { doormand in
            let token = try await doormand.cachedToken()
            let path = IdentityProvider.root.appendingPathComponent("Tests/Interop/Hostile/" + script).path
            let attacker = try ChildProcess(
                python,
                [
                    "-u", path, "--port", "\(doormand.port)", "--pid", "\(doormand.program.id)", "--emulator",
                    doormand.emulator.baseURL,
                    "--frame-timeout", "\(frameTimeout)", "--write-timeout", "\(frameTimeout)",
                ],
                environment: ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"], input: token + "\n")
            let status = try await attacker.ending(within: .seconds(600))
            let failed = attacker.allOutput.split(separator: "\n").filter { !$0.contains(": ok (") }
            print(failed.suffix(1).joined())
            #expect(status == 0, "\(failed.joined(separator: "\n"))")
            #expect(doormand.program.isRunning)
            #expect(!doormand.program.allOutput.contains("EMAW"))
        }
    }

    @Test("attacks on HTTP/1.1 leave others served", .enabled(if: isInstalled("/usr/bin/python3")))
    func http1() async throws {
        try await Self.attack("http1.py", with: "/usr/bin/python3")
    }

    @Test("attacks on HTTP/2 leave others served", .enabled(if: IdentityProvider.isInstalled, IdentityProvider.reason))
    func http2() async throws {
        try await Self.attack("http2.py", with: IdentityProvider.environment.appendingPathComponent("bin/python").path)
    }

    /// The modes of slowhttptest(1).
    private static let slowModes: [(name: String, arguments: [String])] = [
        ("slow heads", ["-H", "-u", "/auth"]),
        ("slow bodies", ["-B", "-s", "60000", "-f", "application/json", "-u", "/v1/verify"]),
        ("slow reads", ["-X", "-w", "1", "-y", "10", "-n", "1", "-z", "1", "-k", "50", "-u", "/auth"]),
        ("ranges", ["-R", "-u", "/auth"]),
    ]

    @Test("slowhttptest leaves others served", .enabled(if: isInstalled(slowHTTPTest)))
    func slowClients() async throws {
        try await Self.run { doormand in
            let token = try await doormand.cachedToken()
            let (descriptors, memory) = (doormand.program.descriptorCount, doormand.program.residentBytes)
            for (name, arguments) in Self.slowModes {
                let path = arguments.last ?? ""
                let client = try ChildProcess(
                    Self.slowHTTPTest,
                    ["-c", "400", "-r", "400", "-i", "1", "-x", "16", "-l", "8", "-p", "2"] + arguments.dropLast()
                        + ["http://127.0.0.1:\(doormand.port)\(path)"])
                while client.isRunning {
                    let peer = try RawPeer.connect(port: doormand.port)
                    try await peer.send(DoormandProcess.verify(token))
                    #expect(DoormandProcess.isIdentity(try await peer.readFrame()), "\(name)")
                }
                #expect(!client.allOutput.contains("service available:   NO"), "\(name): \(client.allOutput)")
                try await eventually("the connections are closed", within: .seconds(3 * Self.frameTimeout + 5)) {
                    doormand.program.descriptorCount - doormand.emulator.openConnections <= descriptors
                }
            }
            #expect(doormand.program.residentBytes < memory + 64 << 20)
        }
    }

    private static let schemathesis = IdentityProvider.environment.appendingPathComponent("bin/schemathesis").path

    @Test(
        "responses to requests that schemathesis makes from openapi.yaml are as it describes",
        .enabled(if: isInstalled(schemathesis)),
        arguments: [false, true])
    func description(hasToken: Bool) async throws {
        try await withTemporaryFolder { folder in
            try await Self.run { doormand in
                let token = try await doormand.cachedToken()
                let report = folder.appendingPathComponent("report.har")
                let page = IdentityProvider.root.appendingPathComponent("docs/reference/openapi.yaml")
                // With the token, a revocation would end it.
                let more = hasToken ? ["-H", "Authorization: Bearer \(token)", "--exclude-path-regex", "revoke"] : []
                let client = try ChildProcess(
                    "sh",
                    [
                        // It keeps files in its working directory.
                        "-c", #"cd "$HOME" && exec "$0" "$@""#, Self.schemathesis, "run", page.path, "-u",
                        "http://127.0.0.1:\(doormand.port)", "--no-color", "--continue-on-failure",
                        "--no-shrink",
                        "--generation-deterministic", "-n", "60", "--max-time", "40", "--report-har-path", report.path,
                        // A documented 503 is no failure of the server, a valid body may hold a bad token, and gateways ask with any method.
                        "--exclude-checks", "not_a_server_error,positive_data_acceptance,unsupported_method,ignored_auth",
                    ] + more,
                    environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LANG": "C.UTF-8"])
                #expect(try await client.ending(within: .seconds(200)) == 0, "\(client.allOutput)")
                let responses = try String(contentsOf: report, encoding: .utf8)
                #expect(responses.contains(#""status": 400"#) && !responses.contains(#""status": 500"#))
                #expect(!doormand.program.allOutput.contains("EMAW"))
            }
        }
    }
}
