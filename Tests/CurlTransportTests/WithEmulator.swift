import AccountKitEmulator
import CurlTransport
import Logging
import ProviderHTTP
import TestKit
import Testing

/// An Account Kit emulator over HTTPS and HTTP/2, with the requests of the tests.
struct SecureEmulator {
    static let token = "EMAWtransport"
    static let app = EmulatorSettings.App(
        id: "5432154321543210", secret: "0123456789abcdef0123456789abcdef", requiresAppSecret: false,
        accounts: [.init(id: "1011166682335378", contact: .email("user@example.com"), tokens: [token])])

    let emulator: AccountKitEmulator
    let certificate: TestCertificate

    /// Starts an emulator.
    static func start(
        _ certificate: TestCertificate, host: String = "127.0.0.1", port: Int = 0, drain: Duration = .milliseconds(100)
    ) async throws -> SecureEmulator {
        var settings = EmulatorSettings(host: host, port: port, apps: [app])
        settings.tls = EmulatorSettings.TLSFiles(certificate: certificate.certificateFile, privateKey: certificate.keyFile)
        settings.limits.drain = drain
        settings.limits.headBytes = 4096
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let emulator = try AccountKitEmulator(settings: settings, logger: quiet)
        try await emulator.start()
        return SecureEmulator(emulator: emulator, certificate: certificate)
    }

    static func certificate() async throws -> TestCertificate {
        try await TestCertificate(names: "DNS:localhost,IP:127.0.0.1")
    }

    /// The URL of E2.
    var me: String { emulator.baseURL + "/v1.3/me?access_token=\(Self.token)" }

    /// The URL of E6.
    var accounts: String {
        emulator.baseURL + "/v1.3/\(Self.app.id)/accounts?access_token=AA%7C\(Self.app.id)%7C\(Self.app.secret)"
    }

    /// Returns an E1 request with a new code.
    func exchange(at base: String? = nil) throws -> HTTPRequest {
        let code = try emulator.issueCode(email: "user@example.com")
        let query = "grant_type=authorization_code&code=\(code)&access_token=AA%7C\(Self.app.id)%7C\(Self.app.secret)"
        return HTTPRequest(.get, url: (base ?? emulator.baseURL) + "/v1.3/access_token?" + query, isRepeatable: false)
    }

    var connections: EmulatorStatistics.Connections { emulator.statistics.connections }
}

/// Runs the body with an emulator and a transport that trusts it, and ends both.
func withEmulator(
    _ configure: (inout CurlTransport.Settings) -> Void = { _ in }, drain: Duration = .milliseconds(100),
    _ body: (CurlTransport, SecureEmulator) async throws -> Void
) async throws {
    let server = try await SecureEmulator.start(try await SecureEmulator.certificate(), drain: drain)
    let transport = try CurlTransport(trusting: server.certificate, configure)
    let outcome: Result<Void, any Error>
    do {
        outcome = .success(try await body(transport, server))
    } catch {
        outcome = .failure(error)
    }
    transport.shutdown()
    try await server.emulator.stop()
    try outcome.get()
}

extension CurlTransport {
    /// Creates a transport with long timeouts.
    convenience init(trusting certificate: TestCertificate?, _ configure: (inout Settings) -> Void = { _ in }) throws {
        var settings = Settings()
        settings.connectTimeout = .seconds(20)
        settings.requestTimeout = .seconds(30)
        settings.authorities = try certificate?.certificateBytes()
        configure(&settings)
        try self.init(settings)
    }

    /// Sends repeatable requests at once, and returns their statuses or errors.
    func manyAtOnce(_ count: Int, _ url: String) async -> [Result<Int, TransportError>] {
        await withTaskGroup(of: Result<Int, TransportError>.self) { group in
            for _ in 0..<count {
                group.addTask { await self.outcome(HTTPRequest(.get, url: url, isRepeatable: true)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Sends a request, and returns its status or its error.
    func outcome(_ request: HTTPRequest, timeout: Duration = .seconds(60)) async -> Result<Int, TransportError> {
        do throws(TransportError) {
            return .success(try await send(request, timeout: timeout).status)
        } catch {
            return .failure(error)
        }
    }
}
