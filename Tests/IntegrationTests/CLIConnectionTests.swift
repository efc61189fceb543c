import TestKit
import Testing

@Suite("doorman without a connection", .timeLimit(.minutes(2)))
struct CLIConnectionTests {
    private func check(_ arguments: [String], _ message: String, _ next: String) async throws {
        let program = try ChildProcess.ours("doorman", ["health", "--timeout", "5s"] + arguments)
        #expect(try await program.ending() == 3, "\(arguments): \(program.allOutput)")
        let error = program.errorOutput
        #expect(error.contains("): \(message)") && error.hasSuffix(" \(next)\n"), "\(arguments): \(error)")
        #expect(error.filter { $0 == "\n" }.count == 1 && program.output.isEmpty, "\(program.allOutput)")
        // Texts of BoringSSL and SwiftNIO have names of types, constants and brackets.
        #expect(!error.contains("Error") && !error.contains("errno") && !error.contains("_FAILED"), "\(error)")
    }

    private let start = "Start doormand, or give its address with --address or DOORMAN_ADDRESS."

    @Test("an address without a server is a sentence with a next step")
    func nothingThere() async throws {
        try await check(
            ["-a", "127.0.0.1:1"],
            "no connection to 127.0.0.1:1: connection refused: no server listens on this address.", start)
        try await check(
            ["-a", "nowhere.invalid"], "no connection to nowhere.invalid:7117: the name has no address.",
            "Check the host of --address or DOORMAN_ADDRESS.")
        try await check(
            ["-a", "unix:/nonexistent.sock"], "no connection to unix:/nonexistent.sock: the socket file does not exist.", start)
    }

    @Test("another program than a Doorman server is a sentence with a next step")
    func otherProgram() async throws {
        let authority = try await TestAuthority()
        try await Stack.run { stack in
            let emulator = String(stack.emulator.baseURL.dropFirst("http://127.0.0.1:".count))
            try await check(
                ["-a", "127.0.0.1:\(emulator)"], "the peer speaks HTTP: this is not a Doorman port.",
                "Check that this is Doorman's port, 7117 by default, and use --tls if it speaks TLS.")
            try await check(
                ["-a", "127.0.0.1:\(emulator)", "--cacert", authority.certificateFile],
                "no connection to 127.0.0.1:\(emulator): TLS handshake failed: the server doesn't speak TLS.",
                "Use --no-tls, or check the port of --address.")
            try await check(
                ["-a", "127.0.0.1:\(stack.port)", "--cacert", authority.certificateFile],
                "no connection to 127.0.0.1:\(stack.port): TLS handshake failed: the server closed the connection during the "
                    + "handshake.", "Use --no-tls if this port does not speak TLS, or look into the server's log.")
        }
    }

    @Test("a server that does not respond is a sentence with a next step")
    func silent() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf(names: "IP:127.0.0.1")
        try await RecordingTLSServer.run(leaf) { server in
            let program = try ChildProcess.ours(
                "doorman",
                ["health", "-a", "127.0.0.1:\(server.port)", "--timeout", "3s", "--cacert", authority.certificateFile])
            #expect(try await program.ending() == 3)
            let known = ["respond", "deadline"].contains { program.errorOutput.contains($0) }
            #expect(known && program.errorOutput.filter { $0 == "\n" }.count == 1, "\(program.allOutput)")
        }
    }

    @Test("each problem of a certificate is a sentence with a next step")
    func certificates() async throws {
        let (authority, stranger) = (try await TestAuthority(), try await TestAuthority())
        let good = try await authority.leaf(names: "DNS:localhost")
        let trust = ["--cacert", authority.certificateFile]
        let rows: [(leaf: TestAuthority.Leaf, settings: [String], arguments: [String], message: String, next: String)] = [
            (
                try await authority.leaf(names: "DNS:localhost", isExpired: true), [], trust,
                "TLS handshake failed: the server's certificate has expired.",
                "Have the server's certificate renewed, or check this machine's clock."
            ),
            (
                try await authority.leaf(names: "DNS:other.example"), [], trust,
                "TLS handshake failed: the server's certificate is not for localhost: it is for DNS:other.example.",
                "Connect by a name of the certificate, or give the name with --server-name."
            ),
            (
                good, [], ["--cacert", stranger.certificateFile],
                "TLS handshake failed: the server's certificate is not from a trusted authority.",
                "Give the certificate of the server's authority with --ca-file."
            ),
            (
                good, ["--tls-client-ca-file", authority.certificateFile], trust,
                "TLS handshake failed: the server requires a client certificate, or does not accept this client's.",
                "Give a certificate that the server accepts with --certificate-file and --private-key-file."
            ),
        ]
        for row in rows {
            let files = ["--tls-certificate-file", row.leaf.certificateFile, "--tls-private-key-file", row.leaf.keyFile]
            try await DoormandProcess.run(files + row.settings) { doormand in
                try await check(
                    ["-a", "localhost:\(doormand.port)"] + row.arguments,
                    "no connection to localhost:\(doormand.port) (127.0.0.1): \(row.message)", row.next)
            }
        }
        try await DoormandProcess.run(["--tls-certificate-file", good.certificateFile, "--tls-private-key-file", good.keyFile]) {
            doormand in
            try await check(
                ["-a", "127.0.0.1:\(doormand.port)"], "the peer speaks TLS: configure the client with TLS.",
                "Check that this is Doorman's port, 7117 by default, and use --tls if it speaks TLS.")
        }
    }
}
