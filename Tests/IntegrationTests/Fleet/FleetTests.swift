import AccountKitEmulator
import DoormanClient
import DoormanCore
import DoormanFleet
import TestKit
import Testing

@testable import DoormanDaemon

/// Two servers of one fleet on a real store.
@Suite(
    "A fleet, end to end", .enabled(if: RedisServer.areInstalled, RedisServer.reason),
    .timeLimit(.minutes(3)))
struct FleetTests {
    @Test("a revocation at one server is rejected by the other")
    func revocation() async throws {
        try await FleetStage.run { stage in
            let token = try stage.provider.logIn(phone: "+15551234567")
            #expect(await stage.first.verify(token) == "OK")
            #expect(await stage.second.verify(token) == "OK")
            _ = try await stage.first.client.revoke(Token(token))
            try await eventually("the other server rejects the token") {
                await stage.second.verify(token).hasPrefix("rejected")
            }
        }
    }

    @Test("a revocation that the fleet has acknowledged is rejected by the other server at once")
    func acknowledged() async throws {
        try await FleetStage.run {
            $0.fleet.acknowledgement = .fleet
            // Until the bound has passed, there could be a server that the new log says nothing of.
            $0.fleet.revocationBound = .seconds(2)
        } _: { stage in
            for number in 0..<5 {
                let token = try stage.provider.logIn(phone: "+1555123456\(number)")
                #expect(await stage.second.verify(token) == "OK")
                _ = try await stage.first.client.revoke(Token(token))
                #expect(await stage.second.verify(token).hasPrefix("rejected"))
            }
        }
    }

    @Test("a token costs the fleet one provider request")
    func oneRequest() async throws {
        try await FleetStage.run { stage in
            let token = try stage.provider.logIn(phone: "+15551234567")
            async let first = stage.first.verify(token)
            async let second = stage.second.verify(token)
            let verdicts = await [first, second]
            #expect(verdicts == ["OK", "OK"])
            #expect(stage.first.providerRequests == 1)
        }
    }

    @Test("calls go on without the store")
    func storeAway() async throws {
        try await FleetStage.run { stage in
            let known = try stage.provider.logIn(phone: "+15551234567")
            #expect(await stage.first.verify(known) == "OK")
            try await stage.store.kill()
            try await eventually("both servers have lost the store") {
                [stage.first, stage.second].allSatisfy { $0.dependencies.fleetNode?.fleet.statistics.server == nil }
            }
            #expect(await stage.first.verify(known) == "OK")
            let new = try stage.provider.logIn(phone: "+15557654321")
            for server in [stage.first, stage.second] { #expect(await server.verify(new) == "OK") }
            try await stage.store.start()
            try await stage.waitUntilCaughtUp()
        }
    }

    @Test("a server without the store past the bound answers no call from offline verification")
    func offline() async throws {
        try await FleetStage.run { settings in
            settings.verifyOffline()
            settings.fleet.revocationBound = .seconds(2)
        } _: { stage in
            let token = try stage.provider.issueJWT(AccessTokenRequest(lifetime: 3600), email: "a@example.com")
            #expect(await stage.first.verify(token) == "OK")
            try await stage.store.kill()
            try await eventually("the bound has passed") { await stage.first.verify(token) == "unavailable: STORE_UNAVAILABLE" }
            try await stage.store.start()
            try await eventually("the server has caught up") { await stage.first.verify(token) == "OK" }
        }
    }

    @Test("a server that stops announces that it leaves, and logs no outage")
    func announcedEnd() async throws {
        try await FleetStage.run { stage in
            let options = stage.first.settings.fleet
            let arguments = [
                "--fleet-store", options.store.map(\.url).joined(), "--fleet-secret-file", options.secretFile,
            ]
            var log = ""
            try await DoormandProcess.run(arguments) { third in
                try await eventually("there are three servers") { stage.nodes == 3 }
                third.program.terminate()
                _ = try await third.program.ending()
                log = third.program.allOutput
            }
            // Long before the bound of 68 s.
            try await eventually("there are two servers") { stage.nodes == 2 }
            #expect(log.contains("connected to the fleet's store"))
            #expect(!log.contains("unreachable"), "\(log)")
        }
    }
}
