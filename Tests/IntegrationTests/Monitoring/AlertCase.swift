import DoormanClient
import Foundation
import TestKit

/// A fault that makes one alert fire, and its repair.
struct AlertCase: Sendable {
    let alert: String
    let story: @Sendable (MonitoredServer, AlertWatch) async throws -> Void

    private init(_ alert: String, _ story: @escaping @Sendable (MonitoredServer, AlertWatch) async throws -> Void) {
        self.alert = alert
        self.story = story
    }

    static let all = [
        down, restartsRepeatedly, notReady, connectionsRefused, callsUnavailable, tokensRejected, callersLimited,
        circuitBreakerOpen,
        providerThrottled, providerMisconfigured, issuerKeysEnd, limitNearlyReached, cacheEvicting, rejectionStorm,
        certificateInvalid,
        certificateExpires, clientAuthorityExpires, eventLoopsLag, reloadFailed, fleetStoreUnreachable, fleetNotCaughtUp,
        fleetRecordsRejected, fleetRevocationsWaiting, fleetSplit, logLinesDropped,
    ]

    private static let down = AlertCase("DoormanDown") { server, alert in
        try await server.start()
        try await alert.ends()
        try await server.stop()
        try await alert.fires()
        try await server.start()
        try await alert.ends()
    }

    private static let restartsRepeatedly = AlertCase("DoormanRestartsRepeatedly") { server, alert in
        try await server.start()
        try await alert.fires {
            try await alert.isWatching()
            try await server.stop()
            try await server.start()
        }
        try await alert.ends()
    }

    /// A provider that hangs keeps a server unready for 10 s.
    private static let notReady = AlertCase("DoormanNotReady") { server, alert in
        server.emulator.setFault(.hang, for: nil)
        try await server.start("--provider-request-timeout", "12s", "--provider-call-timeout", "15s")
        try await alert.fires()
        server.emulator.clearFaults()
        try await alert.ends()
    }

    private static let connectionsRefused = AlertCase("DoormanConnectionsRefused") { server, alert in
        try await server.start("--server-max-connections", "10", "--authorization-connections", "100%")
        var peers: [RawPeer] = []
        try await alert.fires { peers.append(try RawPeer.connect(port: server.port)) }
        for peer in peers { peer.close() }
        try await alert.ends { try RawPeer.connect(port: server.port).close() }
    }

    private static let callsUnavailable = AlertCase("DoormanCallsUnavailable") { server, alert in
        try await server.start()
        server.emulator.setFault(.badGateway, for: .me)
        try await alert.fires { try await server.verifyNewTokens(5) }
        server.emulator.clearFaults()
        try await alert.ends { try await server.verifyNewTokens() }
    }

    /// A reload with a wrong audience.
    private static let tokensRejected = AlertCase("DoormanTokensRejected") { server, alert in
        try server.writeIssuerSettings(issuer: "oidc")
        try await server.start()
        let tokens = try (0..<5).map { try server.emulator.issueJWT(email: "user-\($0)@example.com") }
        // The alert compares with an hour before, which is 20 s here.
        try await alert.sees(#"rate(doorman_calls_total{SERVER, method="Verify", code="OK"}[20s] offset 20s) > 1"#) {
            await server.verify(tokens)
        }
        try server.writeIssuerSettings(issuer: "oidc", audience: "order-api")
        server.program?.hangUp()
        try await alert.fires { await server.verify(tokens) }
        try server.writeIssuerSettings(issuer: "oidc")
        server.program?.hangUp()
        try await alert.ends { await server.verify(tokens) }
    }

    private static let callersLimited = AlertCase("DoormanCallersLimited") { server, alert in
        try await server.start(try server.writePolicy(callsPerSecond: 1))
        try await alert.fires { try await server.verifyNewTokens() }
        _ = try server.writePolicy(callsPerSecond: 1000)
        server.program?.hangUp()
        try await alert.ends { try await server.verifyNewTokens() }
    }

    private static let circuitBreakerOpen = AlertCase("DoormanCircuitBreakerOpen") { server, alert in
        try await server.start()
        server.emulator.setFault(.badGateway, for: .me)
        try await alert.fires { try await server.verifyNewTokens(5) }
        server.emulator.clearFaults()
        try await alert.ends { try await server.verifyNewTokens() }
    }

    private static let providerThrottled = AlertCase("DoormanProviderThrottled") { server, alert in
        try await server.start("--provider-max-throttle-back-off", "2s")
        server.emulator.setFault(.tooManyRequests(retryAfterSeconds: 2), for: .me)
        try await alert.fires { try await server.verifyNewTokens() }
        server.emulator.clearFaults()
        try await alert.ends { try await server.verifyNewTokens() }
    }

    private static let providerMisconfigured = AlertCase("DoormanProviderMisconfigured") { server, alert in
        try await server.start()
        try server.writeSecret(String(repeating: "f", count: 32))
        server.program?.hangUp()
        try await alert.fires { try await server.verifyNewTokens() }
        try server.writeSecret(Stack.ours.secret)
        server.program?.hangUp()
        try await alert.ends { try await server.verifyNewTokens() }
    }

    private static let issuerKeysEnd = AlertCase("DoormanIssuerKeysEnd") { server, alert in
        try server.writeIssuerSettings(issuer: "nowhere")
        try await server.start()
        try await alert.fires()
        try server.writeIssuerSettings(issuer: "oidc")
        server.program?.hangUp()
        try await alert.ends()
    }

    private static let limitNearlyReached = AlertCase("DoormanLimitNearlyReached") { server, alert in
        try await server.start("--server-max-connections", "10", "--authorization-connections", "100%")
        let peers = try (0..<10).map { _ in try RawPeer.connect(port: server.port) }
        try await alert.fires()
        for peer in peers { peer.close() }
        try await alert.ends()
    }

    private static let cacheEvicting = AlertCase("DoormanCacheEvicting") { server, alert in
        try await server.start("--cache-max-entries", "16", "--cache-shards", "1")
        try await alert.fires { try await server.verifyNewTokens(5) }
        try await alert.ends()
    }

    private static let rejectionStorm = AlertCase("DoormanRejectionStorm") { server, alert in
        try await server.start("--cache-ttl", "500ms", "--cache-stale-refresh-interval", "10ms")
        let tokens = try await server.verifyNewTokens(60)
        try await alert.isWatching()
        server.emulator.setFault(.errorDataList, for: .me)
        try await alert.fires { await server.verify(tokens) }
        server.emulator.clearFaults()
        try await alert.ends { await server.verify(tokens) }
    }

    /// All authorities of callers have ended. A certificate that is its own authority is as good as any here.
    private static let certificateInvalid = AlertCase("DoormanCertificateInvalid") { server, alert in
        let (certificate, authority) = (try await TestCertificate(), try await TestCertificate(isExpired: true))
        try await server.start(
            "--tls-certificate-file", certificate.certificateFile, "--tls-private-key-file", certificate.keyFile,
            "--tls-client-ca-file", authority.certificateFile)
        try await renew(authority, of: server, alert)
    }

    private static let certificateExpires = AlertCase("DoormanCertificateExpires") { server, alert in
        let certificate = try await TestCertificate()
        try await server.start(
            "--tls-certificate-file", certificate.certificateFile, "--tls-private-key-file", certificate.keyFile)
        try await renew(certificate, of: server, alert)
    }

    /// A certificate that is its own authority is as good as any authority here: no caller connects by TLS.
    private static let clientAuthorityExpires = AlertCase("DoormanClientAuthorityExpires") { server, alert in
        let (certificate, authority) = (try await TestCertificate(), try await TestCertificate())
        try await server.start(
            "--tls-certificate-file", certificate.certificateFile, "--tls-private-key-file", certificate.keyFile,
            "--tls-client-ca-file", authority.certificateFile)
        try await renew(authority, of: server, alert)
    }

    /// A process that is stopped half of the time.
    private static let eventLoopsLag = AlertCase("DoormanEventLoopsLag") { server, alert in
        try await server.start()
        try await alert.fires {
            server.program?.pause()
            try await Task.sleep(for: .milliseconds(500))
            server.program?.resume()
            try await Task.sleep(for: .milliseconds(500))
        }
        try await alert.ends()
    }

    private static let reloadFailed = AlertCase("DoormanReloadFailed") { server, alert in
        try await server.start()
        try await alert.isWatching()
        try server.writeSettings(adding: "cash: 1")
        server.program?.hangUp()
        try await alert.fires()
        try server.writeSettings()
        server.program?.hangUp()
        try await alert.ends()
    }

    private static let fleetStoreUnreachable = AlertCase("DoormanFleetStoreUnreachable") { server, alert in
        try await loseStore(server, alert)
    }

    private static let fleetNotCaughtUp = AlertCase("DoormanFleetNotCaughtUp") { server, alert in
        try await loseStore(server, alert)
    }

    /// A server with another secret writes a heartbeat each second.
    private static let fleetRecordsRejected = AlertCase("DoormanFleetRecordsRejected") { server, alert in
        let store = try await RedisServer()
        try await server.start(try server.fleetArguments(store))
        try await alert.isWatching()
        let stranger = try server.makeNeighbour(try server.fleetArguments(store, secret: FleetStage.otherSecret))
        try await alert.fires()
        try await end(stranger)
        try await alert.ends()
        store.stop()
    }

    private static let fleetRevocationsWaiting = AlertCase("DoormanFleetRevocationsWaiting") { server, alert in
        let store = try await RedisServer()
        try await server.start(try server.fleetArguments(store))
        let token = try await server.verifyNewTokens()[0]
        try await store.run("CONFIG", "SET", "maxmemory", "1")
        _ = try? await server.client.revoke(Token(token))
        try await alert.fires()
        try await store.run("CONFIG", "SET", "maxmemory", "0")
        try await alert.ends()
        store.stop()
    }

    private static let fleetSplit = AlertCase("DoormanFleetSplit") { server, alert in
        let store = try await RedisServer()
        let arguments = try server.fleetArguments(store)
        try await server.start(arguments)
        let stranger = try server.makeNeighbour(arguments + ["--fleet-tag", "other"])
        try await alert.fires()
        try await end(stranger)
        let neighbour = try server.makeNeighbour(arguments)
        try await alert.sees("doorman_fleet_servers{SERVER} == 2")
        try await alert.ends()
        try await end(neighbour)
        store.stop()
    }

    private static let logLinesDropped = AlertCase("DoormanLogLinesDropped") { server, alert in
        try await server.start(["--log-level", "debug"], log: "/dev/full")
        try await alert.isWatching()
        // Each reload has lines, and each connection that ends.
        try await alert.fires { server.program?.hangUp() }
        try await alert.ends()
    }

    /// Waits for the alert about a certificate that ends soon, or has ended, and renews it.
    private static func renew(_ certificate: TestCertificate, of server: MonitoredServer, _ alert: AlertWatch) async throws {
        try await alert.fires()
        let file = certificate.certificateFile
        try await TestAuthority.run(["x509", "-days", "90", "-in", file, "-signkey", certificate.keyFile, "-out", file])
        server.program?.hangUp()
        try await alert.ends()
    }

    private static func end(_ program: ChildProcess) async throws {
        program.terminate()
        _ = try await program.ending()
    }

    private static func loseStore(_ server: MonitoredServer, _ alert: AlertWatch) async throws {
        let store = try await RedisServer()
        try await server.start(try server.fleetArguments(store) + ["--fleet-revocation-bound", "2s"])
        try await alert.ends()
        try await store.kill()
        try await alert.fires()
        try await store.start()
        try await alert.ends()
        store.stop()
    }
}
