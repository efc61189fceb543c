import DoormanBench
import DoormanClient
import DoormanCore
import TestKit
import Testing

/// Client and load generator against certificates of a trusted authority for other names.
@Suite("The name in a server's certificate", .timeLimit(.minutes(2)))
struct ServerNameTests {
    /// A certificate, and the server that the client expects.
    struct Case: Sendable, CustomTestStringConvertible {
        /// The names, in the syntax of openssl's `subjectAltName`; empty for none. The common name is `test`.
        let names: String
        var host = "127.0.0.1"
        var serverName: String?
        /// A part of the error; `nil` for a good certificate.
        let error: String?

        var testDescription: String { "\(serverName ?? host), with \(names)" }
    }

    static let wrong = [
        Case(names: "IP:127.0.0.1", serverName: "doorman.internal", error: "is not for doorman.internal: it is for IP:127.0.0.1"),
        Case(names: "DNS:localhost,IP:127.0.0.1", serverName: "other.example", error: "it is for DNS:localhost, IP:127.0.0.1"),
        Case(names: "IP:127.0.0.1", host: "localhost", error: "is not for localhost: it is for IP:127.0.0.1"),
        Case(names: "", serverName: "test", error: "is not for test: it has no subject alternative name"),
        Case(names: "DNS:localhost", error: "is not for 127.0.0.1: it is for DNS:localhost"),
        Case(names: "DNS:127.0.0.1", error: "is not for 127.0.0.1"),
        Case(names: "IP:127.0.0.2", error: "is not for 127.0.0.1: it is for IP:127.0.0.2"),
        Case(names: "URI:spiffe://example.org/test", serverName: "test", error: "it is for URI:spiffe://example.org/test"),
        Case(names: "DNS:d*.example.org", serverName: "doorman.example.org", error: "it is for DNS:d*.example.org"),
        Case(names: "DNS:*.example.org", serverName: "a.doorman.example.org", error: "it is for DNS:*.example.org"),
    ]

    static let right = [
        Case(names: "DNS:localhost", host: "localhost", error: nil),
        Case(names: "DNS:other.example,DNS:Doorman.internal", serverName: "doorman.internal.", error: nil),
        Case(names: "DNS:*.example.org", serverName: "doorman.example.org", error: nil),
        Case(names: "IP:127.0.0.1", error: nil),
    ]

    private static let token = "EMAWsecrettoken"

    private func run(
        _ sample: Case, _ body: (RecordingTLSServer, DoormanTarget, DoormanTLS) async throws -> Void
    ) async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf(names: sample.names, usage: "serverAuth")
        try await RecordingTLSServer.run(leaf) { server in
            let tls = DoormanTLS(trust: .file(path: authority.certificateFile), serverName: sample.serverName)
            try await body(server, .hostAndPort(sample.host, server.port), tls)
        }
    }

    /// Makes a call that gets no response, and returns the error.
    private func call(_ target: DoormanTarget, _ tls: DoormanTLS, timeout: Duration) async -> DoormanError? {
        let client = DoormanClient(target: target, tls: tls)
        let error = await #expect(throws: DoormanError.self) { try await client.verify(Self.token, timeout: timeout) }
        await client.close()
        return error
    }

    @Test("a server with a certificate for another name gets no byte of a call", arguments: wrong)
    func wrongName(sample: Case) async throws {
        try await run(sample) { server, target, tls in
            let error = await call(target, tls, timeout: .seconds(1))
            #expect(error?.kind == .unavailable(.unreachable))
            #expect(try error?.message.contains(#require(sample.error)) == true, "\(String(describing: error))")
            try await eventually("the connections end") { server.current.connections == server.current.ended }
            #expect(server.current.connections > 0)
            #expect(server.current.decrypted.isEmpty)
        }
    }

    @Test("a server with a certificate for the name gets the call", arguments: right)
    func rightName(sample: Case) async throws {
        try await run(sample) { server, target, tls in
            async let error = call(target, tls, timeout: .seconds(3))
            try await eventually("the token arrives") {
                server.current.decrypted.split(separator: Array(Self.token.utf8)).count == 2
            }
            _ = await error
        }
    }

    @Test("a load does not start at a server with a certificate for another name", arguments: wrong)
    func load(sample: Case) async throws {
        try await run(sample) { server, target, tls in
            var settings = BenchSettings(address: target)
            settings.tls = tls
            settings.connectTimeout = .seconds(20)
            let generator = LoadGenerator(settings: settings, frames: try RequestFrames([Token(Self.token)], settings: settings))
            let error = await #expect(throws: CannotConnect.self) { try await generator.run() }
            await generator.shutDown()
            #expect(try error?.description.contains(#require(sample.error)) == true, "\(String(describing: error))")
            try await eventually("the connections end") { server.current.connections == server.current.ended }
            #expect(server.current.decrypted.isEmpty)
        }
    }
}
