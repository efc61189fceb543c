import AccountKitEmulator
import CurlTransport
import DoormanClient
import DoormanCore
import DoormanGRPC
import DoormanHTTP
import DoormanServer
import DoormanSupport
import Foundation
import Logging
import NIOPosix
import TestKit

@testable import DoormanDaemon

/// The whole path of a call in one process over real sockets: client, server, cache, governor, verifier, curl, emulator. A test
/// changes only settings; the dependencies are those of `doormand`.
struct Stack {
    static let ours = EmulatorSettings.App(
        id: "5432154321543210", secret: "0123456789abcdef0123456789abcdef", requiresAppSecret: true)
    static let theirs = EmulatorSettings.App(
        id: "1111122222333334", secret: "fedcba9876543210fedcba9876543210", requiresAppSecret: false,
        namesApplicationInFirstVersion: true)
    /// An app that Doorman does not know.
    static let strangers = EmulatorSettings.App(
        id: "9999988888777776", secret: "00112233445566778899aabbccddeeff", requiresAppSecret: true)

    /// Profiles whose requirements no token of ours fulfils.
    static let http = HTTPConfiguration(
        profiles: HTTPProfiles([
            "another-provider": HTTPProfile(requirements: TokenRequirements(provider: "another")),
            "missing-scope": HTTPProfile(requirements: TokenRequirements(scopes: ["orders:write"])),
        ]))

    let emulator: AccountKitEmulator
    let server: DoormanServer
    let dependencies: Dependencies
    let client: DoormanClient
    let port: Int
    let settings: DoormandSettings

    /// Grants every method to callers on this machine, those for accounts included.
    static func grantAll(_ settings: inout DoormandSettings) {
        settings.server.policy = .granting(to: [Caller(name: "ip:127.0.0.1")])
    }

    /// Provider requests, besides the first check of each application's credentials.
    var requestsOfCalls: Int { emulator.statistics.total - dependencies.providers.members.count }

    /// Provider requests to `/me`.
    var providerRequests: Int { emulator.statistics[.me] }

    private static func settings(baseURL: String, secretFile: String) -> DoormandSettings {
        var settings = DoormandSettings()
        settings.address = "127.0.0.1:0"
        settings.accountKit.url = baseURL
        settings.accountKit.applicationID = ours.id
        settings.accountKit.appSecretFile = secretFile
        settings.server.connection.drainQuietPeriod = .milliseconds(50)
        // Sanitizers and two cores are slow.
        settings.transport.connectTimeout = .seconds(1)
        settings.transport.requestTimeout = .seconds(2)
        settings.cache.lookupTimeout = .seconds(2)
        return settings
    }

    /// Runs the stack on free ports for as long as `body` runs.
    static func run(
        settings change: (inout DoormandSettings) -> Void = { _ in },
        client changeClient: (inout DoormanClientConfiguration) -> Void = { _ in },
        logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), awaitsCredentials: Bool = true,
        time: TimeSource? = nil,
        _ body: (Stack) async throws -> Void
    ) async throws {
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        var emulatorSettings = EmulatorSettings(port: 0)
        emulatorSettings.apps = [ours, theirs, strangers]
        let emulator = try AccountKitEmulator(settings: emulatorSettings, logger: quiet)
        try await emulator.start()

        let secretFile = NSTemporaryDirectory() + "doorman-app-secret-\(UUID().uuidString)"
        try (ours.secret + "\n").write(toFile: secretFile, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: secretFile) }
        var settings = settings(baseURL: emulator.baseURL, secretFile: secretFile)
        change(&settings)

        let dependencies =
            try time.map { try Dependencies(settings, time: $0, logger: logger) } ?? Dependencies(settings, logger: logger)
        let http = ReloadableHTTPConfiguration(http)
        let server = DoormanServer(
            settings: try settings.serverSettings(), backend: dependencies.backend,
            tls: try settings.tls.load(now: Timestamp(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))),
            endpoints: [.http1: HTTP1Endpoint(http), .http2: HTTP2Endpoint(http)], group: MultiThreadedEventLoopGroup.singleton,
            logger: quiet)
        try await server.start()
        dependencies.providers.start()
        let follower = dependencies.fleetNode.map { node in Task { await node.fleet.run(applyingTo: dependencies.verifier) } }
        if awaitsCredentials, dependencies.providers.members.allSatisfy(\.configured.hasSecret) {
            try await eventually("the credentials are checked") { dependencies.providers.hasWorkingCredentials }
        }
        if awaitsCredentials { try await eventually("the server is ready") { dependencies.providers.isReady } }
        let port = server.addresses.compactMap(\.port).first ?? 0
        var clientSettings = DoormanClientConfiguration()
        // Sanitizers and two cores are slow. Tests of deadlines set their own timeouts.
        clientSettings.timeout = .seconds(20)
        changeClient(&clientSettings)
        let client = DoormanClient(target: .hostAndPort("127.0.0.1", port), configuration: clientSettings)

        let outcome: Result<Void, any Error>
        do {
            outcome = .success(
                try await body(
                    Stack(
                        emulator: emulator, server: server, dependencies: dependencies, client: client, port: port,
                        settings: settings)))
        } catch {
            outcome = .failure(error)
        }
        await client.close()
        await server.stop()
        await stop(follower, dependencies)
        dependencies.transport.shutdown()
        try await emulator.stop()
        try outcome.get()
    }

    private static func stop(_ follower: Task<Void, Never>?, _ dependencies: Dependencies) async {
        follower?.cancel()
        await follower?.value
        await dependencies.fleetNode?.store.shutDown()
    }

    /// Returns the result of a call: `OK`, or the reason of its failure.
    func verify(_ token: String, timeout: Duration? = nil) async -> String {
        do throws(DoormanError) {
            _ = try await client.verify(token, timeout: timeout)
            return "OK"
        } catch {
            return error.reason
        }
    }
}

extension DoormanError {
    var reason: String {
        switch kind {
        case .rejected(let reason): "rejected: \(reason)"
        case .forbidden(let reason): "forbidden: \(reason)"
        case .unavailable(let reason): "unavailable: \(reason)"
        }
    }
}
