import AccountKitEmulator
import DoormanClient
import DoormanFleet
import Foundation
import RedisStore
import TestKit
import Testing

@testable import DoormanDaemon

/// Two servers with one provider and one store.
struct FleetStage {
    static let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static let otherSecret = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff"

    let store: RedisServer
    let first: Stack
    let second: Stack

    /// Runs a stage for as long as `body` runs.
    ///
    /// - Parameter change: Changes the settings of both servers. The emulator of the first is the provider of both.
    static func run(
        _ change: @escaping (inout DoormandSettings) -> Void = { _ in }, _ body: (FleetStage) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let store = try await RedisServer()
            let file = folder.appendingPathComponent("fleet-secret")
            try (secret + "\n").write(to: file, atomically: true, encoding: .utf8)
            let address = try StoreAddress(url: "redis://127.0.0.1:\(store.port)")
            let join = { (settings: inout DoormandSettings) in
                Stack.grantAll(&settings)
                settings.fleet.store = [address]
                settings.fleet.secretFile = file.path
                // Sanitizers and two cores are slow.
                settings.fleet.commandTimeout = .seconds(1)
                change(&settings)
            }
            try await Stack.run(settings: join) { first in
                try await Stack.run(
                    settings: { settings in
                        settings = first.settings
                        settings.address = "127.0.0.1:0"
                    }
                ) { second in
                    let stage = FleetStage(store: store, first: first, second: second)
                    try await stage.waitUntilCaughtUp()
                    try await body(stage)
                }
            }
            store.stop()
        }
    }

    /// The provider of both servers.
    var provider: AccountKitEmulator { first.emulator }

    /// The servers that the first one knows, with itself.
    var nodes: Int { first.dependencies.fleetNode?.fleet.statistics.nodes ?? 0 }

    func waitUntilCaughtUp() async throws {
        try await eventually("both servers use the store and know each other") {
            [first, second].compactMap { $0.dependencies.fleetNode?.fleet.statistics }.count {
                $0.usesEntries && $0.caughtUpAge != nil && $0.nodes == 2
            } == 2
        }
    }
}

extension DoormandSettings {
    /// Verifies tokens of the emulator's issuer, without its requests, in place of those of Account Kit.
    mutating func verifyOffline() {
        jwt.issuer = accountKit.url + "/oidc"
        jwt.audience = ["orders-api"]
        accountKit = AccountKitTexts()
    }

    /// Makes the server one of a fleet whose store it never reaches, and that verifies offline.
    mutating func loseStore() throws {
        verifyOffline()
        fleet.store = [try StoreAddress(url: "redis://127.0.0.1:1")]
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("doorman-fleet-secret-\(UUID().uuidString)")
        try Data(FleetStage.secret.utf8).write(to: file)
        fleet.secretFile = file.path
    }
}

extension RedisServer {
    static let reason: Comment = "the servers of Redis and Valkey are not installed: run Scripts/setup --all"
}
