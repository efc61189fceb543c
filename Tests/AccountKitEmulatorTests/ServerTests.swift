import AccountKitEmulator
import NIOSSL
import TestKit
import Testing

@Suite("The emulator on real sockets", .timeLimit(.minutes(2)))
struct ServerTests {
    /// Runs a test against an emulator that is started before and stopped after.
    private func withEmulator(
        apps: [EmulatorSettings.App] = [Apps.second], tls: EmulatorSettings.TLSFiles? = nil,
        limits: EmulatorSettings.Limits = .init(), _ body: (AccountKitEmulator) async throws -> Void
    ) async throws {
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(port: 0, tls: tls, apps: apps, limits: limits))
        try await emulator.start()
        do {
            try await body(emulator)
        } catch {
            try await emulator.stop()
            throw error
        }
        try await emulator.stop()
    }

    private func send(_ emulator: AccountKitEmulator, _ target: String, method: String = "GET") async throws -> Wire {
        let client = try await HTTPClient(port: emulator.port)
        client.get(target, method: method)
        let response = try await client.response()
        await client.close()
        return response
    }

    private static let me = "/v1.3/me?access_token=EMAWsecond"

    @Test("a connection carries several calls")
    func keepAlive() async throws {
        try await withEmulator { emulator in
            let client = try await HTTPClient(port: emulator.port)
            client.get(Self.me)
            #expect(try await client.response().status == 200)
            client.send(String(repeating: "GET /v1.3/me HTTP/1.1\r\nHost: x\r\n\r\n", count: 3))
            for _ in 1...3 { #expect(try await client.response().status == 400) }
            #expect(!client.state.isClosed)
            #expect(emulator.statistics[.me] == 4)
            await client.close()
        }
    }

    @Test(
        "a connection ends after a call that does not keep it", arguments: ["1.1\r\nConnection: close", "1.0"])
    func lastCall(version: String) async throws {
        try await withEmulator { emulator in
            let client = try await HTTPClient(port: emulator.port)
            client.send("GET \(Self.me) HTTP/\(version)\r\nHost: x\r\n\r\n")
            let response = try await client.response()
            #expect(response.status == 200)
            #expect(response.header("Connection") == "close")
            try await client.closed()
        }
    }

    @Test("a raw or escaped bar separates the parts of an app token", arguments: ["|", "%7C", "%7c"])
    func bar(_ bar: String) async throws {
        try await withEmulator(apps: [Apps.first]) { emulator in
            let code = try emulator.issueCode(phone: "+15551234567")
            let token = "AA\(bar)\(Apps.first.id)\(bar)\(Apps.first.secret)"
            let target = "/v1.3/access_token?grant_type=authorization_code&code=\(code)&access_token=\(token)"
            let response = try await send(emulator, target)
            #expect(response.status == 200)
            #expect(response.body.contains(#""token_refresh_interval_sec":2592000"#))
        }
    }

    @Test("a call sees log-ins and revocations of the library")
    func library() async throws {
        let app = EmulatorSettings.App(id: "1", secret: "x", requiresAppSecret: false)
        try await withEmulator(apps: [app]) { emulator in
            let token = try emulator.logIn(phone: "+15551234567")
            let account = try #require(emulator.account(ofToken: token))
            #expect(try await send(emulator, "/v1.3/me?access_token=\(token)").body.contains(account))
            emulator.revoke(token)
            #expect(try await send(emulator, "/v1.3/me?access_token=\(token)").status == 400)
            #expect(throws: EmulatorError.self) { try emulator.logIn(app: "2", phone: "+15551234567") }
        }
    }

    @Test("a hanging call never gets a response")
    func hang() async throws {
        var limits = EmulatorSettings.Limits()
        limits.drain = .milliseconds(50)
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(port: 0, apps: [Apps.second], limits: limits))
        try await emulator.start()
        emulator.setFault(.hang, for: .me)
        let client = try await HTTPClient(port: emulator.port)
        client.get(Self.me)
        try await eventually("the call to arrive") { emulator.statistics[.me] == 1 }
        try await emulator.stop()
        try await client.closed()
        #expect(client.state.bytes.isEmpty)
        #expect(emulator.openConnections == 0)
        #expect(emulator.port == 0)
    }

    @Test("a response in progress is finished when the emulator stops")
    func drain() async throws {
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(port: 0, apps: [Apps.second]))
        try await emulator.start()
        emulator.setFault(.latency(.milliseconds(100)))
        let busy = try await HTTPClient(port: emulator.port)
        let idle = try await HTTPClient(port: emulator.port)
        busy.get(Self.me)
        try await eventually("both connections") { emulator.statistics[.me] == 1 && emulator.openConnections == 2 }
        try await emulator.stop()
        #expect(try await busy.response().status == 200)
        try await busy.closed()
        try await idle.closed()
    }

    @Test("a reset interrupts the response")
    func reset() async throws {
        try await withEmulator { emulator in
            emulator.setFault(.reset, for: .me)
            let client = try await HTTPClient(port: emulator.port)
            client.get(Self.me)
            try await client.closed()
            #expect(client.state.error != nil)
        }
    }

    @Test("an oversized or slow response arrives whole")
    func bodies() async throws {
        try await withEmulator { emulator in
            let client = try await HTTPClient(port: emulator.port)
            emulator.setFault(.oversizedBody(bytes: 300_000))
            client.get(Self.me)
            #expect(try await client.response().body.utf8.count == 300_010)
            emulator.setFault(.slowBody(pause: .milliseconds(1)))
            client.get(Self.me)
            #expect(try await client.response().body.hasSuffix("}}\n"))
            emulator.setFault(.slowHeaders(pause: .milliseconds(1)))
            client.get(Self.me)
            #expect(try await client.response().status == 200)
            await client.close()
        }
    }

    @Test("a large response is complete before its connection closes")
    func largeLastResponse() async throws {
        try await withEmulator { emulator in
            emulator.setFault(.oversizedBody(bytes: 20_000_000))
            let client = try await HTTPClient(port: emulator.port)
            client.get(Self.me, headers: "Connection: close\r\n")
            try await client.closed()
            #expect(client.state.bytes.count > 20_000_000)
        }
    }

    @Test("a request that is too long or malformed gets an error")
    func malformed() async throws {
        let long = String(repeating: "a", count: 9000)
        let requests = [
            ("GET /v1.3/me?access_token=\(long) HTTP/1.1\r\nHost: x\r\n\r\n", [414, 431]),
            ("GET /v1.3/me HTTP/1.1\r\nHost: x\r\nX-Long: \(long)\r\n\r\n", [431]),
            ("POST /v1.3/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + String(repeating: long, count: 8), [413]),
            ("hello\r\n\r\n", [400]),
        ]
        try await withEmulator { emulator in
            for (request, statuses) in requests {
                let client = try await HTTPClient(port: emulator.port)
                client.send(request)
                #expect(statuses.contains(try await client.response().status))
                try await client.closed()
            }
            #expect(try await send(emulator, Self.me).status == 200)
        }
    }

    @Test("a connection above the limit is closed until another connection ends")
    func connectionLimit() async throws {
        var limits = EmulatorSettings.Limits()
        limits.connections = 1
        try await withEmulator(limits: limits) { emulator in
            let first = try await HTTPClient(port: emulator.port)
            try await eventually("the first connection") { emulator.openConnections == 1 }
            let second = try await HTTPClient(port: emulator.port)
            try await second.closed()
            first.get(Self.me)
            #expect(try await first.response().status == 200)
            await first.close()
            try await eventually("the end of the first connection") { emulator.openConnections == 0 }
            #expect(try await send(emulator, Self.me).status == 200)
        }
    }

    @Test("an idle connection is closed")
    func idle() async throws {
        var limits = EmulatorSettings.Limits()
        limits.idleTimeout = .milliseconds(50)
        try await withEmulator(limits: limits) { emulator in
            let connected = ContinuousClock.now
            let client = try await HTTPClient(port: emulator.port)
            try await client.closed()
            #expect(connected.duration(to: .now) >= .milliseconds(50))
        }
    }

    @Test("with a certificate the emulator serves HTTPS only")
    func https() async throws {
        let certificate = try await TestCertificate(names: "DNS:localhost,IP:127.0.0.1")
        let files = EmulatorSettings.TLSFiles(certificate: certificate.certificateFile, privateKey: certificate.keyFile)
        try await withEmulator(tls: files) { emulator in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(certificate.certificateFile)
            let client = try await HTTPClient(port: emulator.port, tls: try NIOSSLContext(configuration: configuration))
            client.get(Self.me)
            #expect(try await client.response().status == 200)
            emulator.setFault(.reset)
            client.get(Self.me)
            try await client.closed()
            #expect(client.state.text.hasPrefix("HTTP/1.1 200 OK"))
            let plain = try await HTTPClient(port: emulator.port)
            plain.get(Self.me)
            try await plain.closed()
            #expect(emulator.baseURL == "https://127.0.0.1:\(emulator.port)")
            #expect(emulator.statistics[.me] == 2)
        }
    }

    @Test("a connection without a handshake is closed")
    func silentHandshake() async throws {
        let certificate = try await TestCertificate()
        let files = EmulatorSettings.TLSFiles(certificate: certificate.certificateFile, privateKey: certificate.keyFile)
        var limits = EmulatorSettings.Limits()
        limits.idleTimeout = .milliseconds(50)
        try await withEmulator(tls: files, limits: limits) { emulator in
            let client = try await HTTPClient(port: emulator.port)
            try await client.closed()
        }
        limits = EmulatorSettings.Limits()
        limits.drain = .seconds(60)
        let settings = EmulatorSettings(port: 0, tls: files, apps: [Apps.second], limits: limits)
        let emulator = try AccountKitEmulator(settings: settings)
        try await emulator.start()
        let client = try await HTTPClient(port: emulator.port)
        try await eventually("the connection") { emulator.openConnections == 1 }
        let start = ContinuousClock.now
        try await emulator.stop()
        #expect(start.duration(to: .now) < .seconds(30))
        try await client.closed()
    }

    @Test("an address that other machines reach must be allowed")
    func address() async throws {
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(host: "0.0.0.0", port: 0))
        let error = await #expect(throws: EmulatorError.self) { try await emulator.start() }
        #expect(error?.message.contains("log in as anybody") == true)
        let allowed = try AccountKitEmulator(settings: EmulatorSettings(host: "0.0.0.0", port: 0, allowsAnyAddress: true))
        #expect(try await allowed.start().port == allowed.port)
        try await allowed.stop()
    }

    @Test("an unreadable certificate is named")
    func missingCertificate() async throws {
        let files = EmulatorSettings.TLSFiles(certificate: "/nowhere/certificate.pem", privateKey: "/nowhere/key.pem")
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(port: 0, tls: files))
        let error = await #expect(throws: EmulatorError.self) { try await emulator.start() }
        #expect(error?.message.hasPrefix("/nowhere/certificate.pem: ") == true)
    }

    @Test("an emulator can be started once only")
    func settings() async throws {
        let emulator = try AccountKitEmulator()
        try await emulator.start()
        await #expect(throws: EmulatorError.self) { try await emulator.start() }
        #expect(emulator.port != 0)
        try await emulator.stop()
        try await emulator.stop()
        #expect(throws: EmulatorError.self) { try AccountKitEmulator(settings: EmulatorSettings(apps: [])) }
        #expect(throws: EmulatorError.self) { try AccountKitEmulator(settings: EmulatorSettings(apps: [Apps.first, Apps.first])) }
    }

    @Test("printed settings show no secrets or tokens")
    func redaction() {
        var text = ""
        dump(EmulatorSettings(apps: [Apps.first]), to: &text)
        text += "\(EmulatorSettings(apps: [Apps.first]))" + String(reflecting: Apps.first.accounts)
        text += "\(GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWphone"))"
        #expect(!text.contains(Apps.first.secret))
        #expect(!text.contains("EMAW"))
    }
}
