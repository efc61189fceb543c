import DoormanClient
import Foundation
import Logging
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("A client over TLS", .serialized)
struct ClientTLSTests {
    /// Runs a server that requires certificates of our authority, with the files of a client that has one.
    private func run(
        names: String = "DNS:localhost,IP:127.0.0.1",
        _ body: (Stack, _ authority: TestAuthority, _ client: TestAuthority.Leaf) async throws -> Void
    ) async throws {
        let authority = try await TestAuthority()
        let server = try await authority.leaf(names: names)
        let client = try await authority.leaf(names: "URI:spiffe://example.org/billing")
        try await Stack.run(settings: { settings in
            settings.tls.certificate = server.certificateFile
            settings.tls.key = server.keyFile
            settings.tls.clientAuthorities = authority.certificateFile
        }) { stack in
            try await body(stack, authority, client)
        }
    }

    private func client(_ stack: Stack, host: String = "127.0.0.1", _ tls: DoormanTLS) -> DoormanClient {
        var settings = DoormanClientConfiguration()
        settings.timeout = .seconds(20)
        return DoormanClient(target: .hostAndPort(host, stack.port), tls: tls, configuration: settings)
    }

    private func pair(_ leaf: TestAuthority.Leaf) -> DoormanTLS.KeyPair {
        DoormanTLS.KeyPair(certificateFile: leaf.certificateFile, privateKeyFile: leaf.keyFile)
    }

    /// Returns the message of the error that a client's call fails with.
    private func failure(_ client: DoormanClient) async -> String {
        let error = await #expect(throws: DoormanError.self) { try await client.health(timeout: .milliseconds(1500)) }
        await client.close()
        #expect(error?.kind == .unavailable(.unreachable))
        return error?.message ?? ""
    }

    @Test("client and server authenticate each other", arguments: ["127.0.0.1", "localhost"])
    func mutual(host: String) async throws {
        try await run { stack, authority, leaf in
            let client = client(stack, host: host, DoormanTLS(trust: .file(path: authority.certificateFile), keyPair: pair(leaf)))
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let identity = try await client.verify(token)
            #expect(identity.phone?.number == "+15551234567")
            await client.close()
        }
    }

    @Test("an exchange whose server is killed is not retryable")
    func killedServer() async throws {
        let certificate = try await TestCertificate(names: "IP:127.0.0.1")
        let port = try FreePort.find()
        // s_server ends with its input.
        let script = """
            sleep 60 | openssl s_server -quiet -accept 127.0.0.1:\(port) -cert \(certificate.certificateFile) -key \(certificate.keyFile) &
            echo "process $!"
            wait $!
            """
        let server = try ChildProcess("sh", ["-c", script])
        // After a failure to connect, the client would make a health check first.
        try await eventually("the server listens") {
            guard let peer = try? RawPeer.connect(port: port) else { return false }
            peer.close()
            return true
        }
        let client = DoormanClient(
            target: .hostAndPort("127.0.0.1", port), tls: DoormanTLS(trust: .file(path: certificate.certificateFile)))
        let exchange = Task { try await client.exchange(AuthorizationCode("AQcode"), timeout: .seconds(20)) }
        try await eventually("the server has read the call") { server.allOutput.contains("AQcode") }
        // It sends no close_notify.
        let process = try #require(server.output.firstMatch(of: /process (\d+)/)).1
        #expect(try await ChildProcess("kill", ["-9", String(process)]).ending() == 0)
        let error = await #expect(throws: DoormanError.self) { try await exchange.value }
        #expect(error?.kind == .unavailable(.connectionLost))
        #expect(error?.isRetryable == false)
        _ = try await server.ending()
        await client.close()
    }

    @Test("a server with a certificate for an unexpected name gets no calls")
    func names() async throws {
        try await run(names: "DNS:doorman.example.org") { stack, authority, leaf in
            let trust = DoormanTLS.Trust.file(path: authority.certificateFile)
            #expect(
                await failure(client(stack, DoormanTLS(trust: trust, keyPair: pair(leaf)))).contains(
                    "is not for 127.0.0.1: it is for DNS:doorman.example.org"))
            let expecting = client(
                stack, DoormanTLS(trust: trust, keyPair: pair(leaf), serverName: "doorman.example.org"))
            let status = try await expecting.health()
            #expect(status == .serving)
            await expecting.close()
        }
    }

    @Test("the error of a failed handshake names the cause")
    func failures() async throws {
        try await run { stack, authority, leaf in
            let stranger = try await TestAuthority()
            let trust = DoormanTLS.Trust.file(path: authority.certificateFile)
            let unknown = await failure(
                client(stack, DoormanTLS(trust: .file(path: stranger.certificateFile), keyPair: pair(leaf))))
            #expect(unknown.contains("not from a trusted authority"), "\(unknown)")
            let none = await failure(client(stack, DoormanTLS(trust: trust)))
            #expect(none.contains("requires a client certificate"), "\(none)")
            let missing = await failure(client(stack, DoormanTLS(trust: .file(path: "/nonexistent/ca.pem"))))
            #expect(missing.contains("/nonexistent/ca.pem"), "\(missing)")
            let noKey = DoormanTLS.KeyPair(certificateFile: leaf.certificateFile, privateKeyFile: leaf.certificateFile)
            #expect(await failure(client(stack, DoormanTLS(trust: trust, keyPair: noKey))).contains("no private key"))
            // Checked before NIOSSL, which would leak a context over it.
            let other = try await stranger.leaf()
            let mixed = DoormanTLS.KeyPair(certificateFile: leaf.certificateFile, privateKeyFile: other.keyFile)
            #expect(await failure(client(stack, DoormanTLS(trust: trust, keyPair: mixed))).contains("is not the key of"))
        }
        try await Stack.run { stack in
            let plain = await failure(client(stack, DoormanTLS()))
            #expect(plain.contains("TLS"), "\(plain)")
        }
    }

    @Test("the next connection uses replaced files")
    func rotation() async throws {
        try await run { stack, authority, leaf in
            try await withTemporaryFolder { folder in
                let file = folder.appendingPathComponent("ca.pem")
                func install(_ path: String) throws {
                    try Data(contentsOf: URL(fileURLWithPath: path)).write(to: file, options: .atomic)
                }
                let stranger = try await TestAuthority()
                try install(stranger.certificateFile)
                let client = client(stack, DoormanTLS(trust: .file(path: file.path), keyPair: pair(leaf)))
                await #expect(throws: DoormanError.self) { try await client.health(timeout: .milliseconds(500)) }
                try install(authority.certificateFile)
                let status = try await client.health()
                #expect(status == .serving)
                await client.close()
            }
        }
    }
}
