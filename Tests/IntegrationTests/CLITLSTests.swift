import Foundation
import TestKit
import Testing

@Suite("doorman over TLS", .timeLimit(.minutes(2)))
struct CLITLSTests {
    private let environment: [String: String]
    private let authority: TestAuthority
    private let server: TestAuthority.Leaf
    private let caller: TestAuthority.Leaf

    init() async throws {
        authority = try await TestAuthority()
        server = try await authority.leaf(names: "DNS:localhost", usage: "serverAuth")
        caller = try await authority.leaf(names: "URI:spiffe://example.org/operators", usage: "clientAuth")
        environment = [
            "DOORMAN_CA_FILE": authority.certificateFile, "DOORMAN_CERTIFICATE_FILE": caller.certificateFile,
            "DOORMAN_PRIVATE_KEY_FILE": caller.keyFile, "SWIFT_BACKTRACE": "enable=no",
        ]
    }

    private func withServer(
        _ leaf: TestAuthority.Leaf? = nil, _ body: (DoormandProcess) async throws -> Void
    ) async throws {
        let leaf = leaf ?? server
        try await withTemporaryFolder { folder in
            let policy = folder.appendingPathComponent("policy.yaml")
            try "- {callers: uri:spiffe://example.org/operators, methods: [verify, exchange, accounts]}"
                .write(to: policy, atomically: true, encoding: .utf8)
            try await DoormandProcess.run(
                [
                    "--tls-certificate-file", leaf.certificateFile, "--tls-private-key-file", leaf.keyFile,
                    "--tls-client-ca-file", authority.certificateFile, "--authorization-policy-file", policy.path,
                ], body)
        }
    }

    private func run(
        _ doormand: DoormandProcess, _ arguments: [String], _ environment: [String: String], host: String = "localhost",
        timeout: String = "20s", input: String = ""
    ) async throws -> ChildProcess {
        let program = try ChildProcess(
            ChildProcess.built("doorman"), arguments + ["--address", "\(host):\(doormand.port)", "--timeout", timeout],
            environment: environment, input: input)
        _ = try await program.ending()
        return program
    }

    @Test("every command can use TLS")
    func works() async throws {
        try await withServer { doormand in
            let token = try doormand.emulator.logIn(phone: "+15551234567")
            let bench = ["bench", "--token-file", "-", "--warm-up", "50ms", "--duration", "300ms", "--depth", "2"]
            for (arguments, input) in [
                (["verify"], token), (["health", "--wait"], ""), (["accounts", "list"], ""), (bench, token),
                (["dev", "login", "--phone", "+15551234567", "--emulator", doormand.emulator.baseURL], ""),
            ] {
                let program = try await run(doormand, arguments, environment, input: input)
                #expect(try await program.ending() == 0, "\(arguments): \(program.allOutput)")
            }
            let options = [
                "--ca-file", authority.certificateFile, "--certificate-file", caller.certificateFile, "--private-key-file",
                caller.keyFile, "--server-name", "localhost",
            ]
            let byAddress = try await run(doormand, ["verify"] + options, [:], host: "127.0.0.1", input: token)
            #expect(try await byAddress.ending() == 0, "\(byAddress.allOutput)")
        }
    }

    @Test("a failed handshake is never a verdict")
    func failures() async throws {
        let stranger = try await TestAuthority()
        try await withServer { doormand in
            for (host, changes) in [
                ("localhost", ["DOORMAN_TLS": "false"]), ("localhost", ["DOORMAN_CA_FILE": stranger.certificateFile]),
                ("127.0.0.1", [:]), ("localhost", ["DOORMAN_SERVER_NAME": "other.example.org"]),
                ("localhost", ["DOORMAN_CERTIFICATE_FILE": "", "DOORMAN_PRIVATE_KEY_FILE": ""]),
            ] as [(String, [String: String])] {
                for command in [["verify"], ["health"], ["bench", "--token-file", "-"]] {
                    let program = try await run(
                        doormand, command, environment.merging(changes) { $1 }, host: host, timeout: "1s", input: "EMAWsecrettoken")
                    #expect(try await program.ending() == 3, "\(command) \(changes): \(program.allOutput)")
                    #expect(program.output.isEmpty && program.errorOutput.filter { $0 == "\n" }.count == 1, "\(program.allOutput)")
                    #expect(!program.errorOutput.contains("EMAW"))
                    #expect(program.errorOutput.contains("TLS") || program.errorOutput.contains("--certificate-file"))
                }
            }
        }
    }

    @Test("a configured name overrides the address of the server")
    func wrongName() async throws {
        let server = try await authority.leaf(names: "IP:127.0.0.1", usage: "serverAuth")
        try await withServer(server) { doormand in
            for command in [["verify"], ["health"], ["bench", "--token-file", "-"]] {
                let options = command + ["--server-name", "other.example"]
                let program = try await run(
                    doormand, options, environment, host: "127.0.0.1", timeout: "1s", input: "EMAWsecrettoken")
                #expect(try await program.ending() == 3, "\(command): \(program.allOutput)")
                #expect(program.errorOutput.contains("not for other.example: it is for IP:127.0.0.1"), "\(program.allOutput)")
            }
            let byAddress = try await run(doormand, ["health"], environment, host: "127.0.0.1")
            #expect(try await byAddress.ending() == 0, "\(byAddress.allOutput)")
        }
    }

    @Test("a server without TLS is told apart from an unreachable server")
    func plainServer() async throws {
        try await DoormandProcess.run { doormand in
            let program = try await run(doormand, ["health"], environment, timeout: "1s")
            #expect(try await program.ending() == 3 && program.errorOutput.contains("TLS"), "\(program.allOutput)")
            let broken = try await run(doormand, ["health"], ["DOORMAN_CA_FILE": #filePath])
            #expect(try await broken.ending() == 2 && broken.errorOutput.contains("DOORMAN_CA_FILE"), "\(broken.allOutput)")
        }
    }
}
