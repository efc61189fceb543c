import AccountKitEmulator
import CurlTransport
import ProviderHTTP
import TestKit
import Testing

@Suite("TLS", .serialized, .timeLimit(.minutes(2)))
struct TLSTests {
    static func transport(trusting certificate: TestCertificate?) throws -> CurlTransport {
        var settings = CurlTransport.Settings()
        settings.connectTimeout = .seconds(20)
        settings.requestTimeout = .seconds(30)
        settings.authorities = try certificate?.certificateBytes()
        return try CurlTransport(settings)
    }

    @Test("a server with a certificate of the configured authority receives the request")
    func rightAuthority() async throws {
        let certificate = try await TestCertificate()
        let server = try await OpenSSLServer(certificate)
        let transport = try Self.transport(trusting: certificate)
        defer {
            transport.shutdown()
            server.stop()
        }
        let response = try await transport.get("https://localhost:\(server.port)/")
        #expect(response.status == 200)
        #expect(response.text.contains("TLSv1.3"))
    }

    @Test("a server of an unknown authority receives no request")
    func wrongAuthority() async throws {
        let certificate = try await TestCertificate()
        let server = try await OpenSSLServer(certificate)
        defer { server.stop() }
        for trusted in [try await TestCertificate(), nil] {
            let transport = try Self.transport(trusting: trusted)
            defer { transport.shutdown() }
            let error = await transport.failure("https://localhost:\(server.port)/")
            #expect(error?.code == .tls)
            #expect(error?.requestMayHaveBeenSent == false)
        }
    }

    @Test("other authorities are trusted from the next request on, also while connections are open")
    func replacedAuthorities() async throws {
        let (first, second) = (try await TestCertificate(), try await TestCertificate())
        let server = try await OpenSSLServer(first)
        let transport = try Self.transport(trusting: first)
        defer {
            transport.shutdown()
            server.stop()
        }
        let url = "https://localhost:\(server.port)/"
        #expect(try await transport.get(url).status == 200)
        transport.replaceAuthorities(try second.certificateBytes())
        #expect(transport.authorities == (try second.certificateBytes()))
        let error = await transport.failure(url)
        #expect(error?.code == .tls)
        #expect(error?.requestMayHaveBeenSent == false)
        transport.replaceAuthorities(try second.certificateBytes() + first.certificateBytes())
        #expect(try await transport.get(url).status == 200)
        #expect(transport.statistics.replacementsForAuthorities == 2)
    }

    @Test("other authorities apply to connections that are shared over HTTP/2")
    func replacedForHTTP2() async throws {
        try await withEmulator { transport, server in
            #expect(await transport.outcome(HTTPRequest(.get, url: server.me, isRepeatable: true)) == .success(200))
            #expect(await transport.outcome(try server.exchange()) == .success(200))
            transport.replaceAuthorities(try await TestCertificate().certificateBytes())
            for request in [HTTPRequest(.get, url: server.me, isRepeatable: true), try server.exchange()] {
                let error = await transport.failure(request)
                #expect(error?.code == .tls)
            }
        }
    }

    @Test("a certificate for another name is rejected")
    func wrongName() async throws {
        let certificate = try await TestCertificate()
        let server = try await OpenSSLServer(certificate)
        let transport = try Self.transport(trusting: certificate)
        defer {
            transport.shutdown()
            server.stop()
        }
        let error = await transport.failure("https://127.0.0.1:\(server.port)/")
        #expect(error?.code == .tls)
        #expect(error?.requestMayHaveBeenSent == false)
    }

    /// The reason why a certificate is invalid.
    enum CertificateProblem: CaseIterable {
        case wrongName, expired, unknownAuthority, unknownToTheSystem

        var cause: TransportError.Cause {
            switch self {
            case .wrongName: .certificateForOtherName
            case .expired: .certificateExpired
            case .unknownAuthority, .unknownToTheSystem: .certificateUntrusted
            }
        }
    }

    @Test("a server with an invalid certificate receives no request over HTTP/2", arguments: CertificateProblem.allCases)
    func overHTTP2(problem: CertificateProblem) async throws {
        let names = problem == .wrongName ? "DNS:localhost" : "IP:127.0.0.1"
        let server = try await SecureEmulator.start(try await TestCertificate(names: names, isExpired: problem == .expired))
        let trusted: TestCertificate? =
            switch problem {
            case .wrongName, .expired: server.certificate
            case .unknownAuthority: try await TestCertificate(names: names)
            case .unknownToTheSystem: nil
            }
        let transport = try Self.transport(trusting: trusted)
        for request in [HTTPRequest(.get, url: server.me, isRepeatable: true), try server.exchange()] {
            let error = await transport.failure(request)
            #expect(error?.code == .tls)
            #expect(error?.cause == problem.cause)
            #expect(error?.requestMayHaveBeenSent == false)
        }
        #expect(server.emulator.statistics.total == 0)
        transport.shutdown()
        try await server.emulator.stop()
    }

    @Test("TLS 1.2 is the minimum version", arguments: [("-tls1_2", true), ("-tls1_1", false)])
    func versions(option: String, isAccepted: Bool) async throws {
        let certificate = try await TestCertificate()
        let server = try await OpenSSLServer(certificate, options: [option, "-cipher", "DEFAULT@SECLEVEL=0"])
        let transport = try Self.transport(trusting: certificate)
        defer {
            transport.shutdown()
            server.stop()
        }
        let url = "https://localhost:\(server.port)/"
        if isAccepted {
            #expect(try await transport.get(url).status == 200)
        } else {
            // Another client can connect, so the failure is the transport's choice.
            let client = ["s_client", "-connect", "localhost:\(server.port)", option, "-cipher", "DEFAULT@SECLEVEL=0"]
            let other = try ChildProcess("openssl", client, input: "Q\n")
            #expect(try await other.ending() == 0)
            #expect(other.output.contains("TLSv1.1"))
            let error = await transport.failure(url)
            #expect(error?.code == .tls)
            #expect(error?.requestMayHaveBeenSent == false)
        }
    }

    @Test("a server without TLS receives no request")
    func noTLS() async throws {
        let withoutTLS = ScriptedServer { connection in
            _ = connection.descriptor.read()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        try await withServer(withoutTLS) { transport, server in
            let error = await transport.failure("https://localhost:\(server.port)/")
            #expect(error?.code == .tls)
            #expect(error?.requestMayHaveBeenSent == false)
        }
    }

    @Test("a stalled handshake ends after the connect timeout")
    func stalledHandshake() async throws {
        let silent = ScriptedServer { $0.waitForEnd() }
        try await withServer(silent, { $0.connectTimeout = .milliseconds(150) }) { transport, server in
            let error = await transport.failure("https://localhost:\(server.port)/")
            #expect(error?.code == .timedOut)
            #expect(error?.requestMayHaveBeenSent == false)
            #expect(error?.cause == .notConnectedInTime)
        }
    }
}
