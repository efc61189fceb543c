import Foundation
import RedisStore
import TestKit
import Testing

@testable import DoormanDaemon

@Suite(
    "The check of a fleet's store", .enabled(if: RedisServer.areInstalled, RedisServer.reason), .timeLimit(.minutes(2)))
struct StoreCheckTests {
    private static let rights =
        "+get +set +del +eval +xadd +xread +xrange +xrevrange +zadd +zrangebyscore +zremrangebyscore +multi +exec +info"

    /// Checks a store with the password `letmein` of the user `doorman`.
    private func report(port: Int, _ change: (inout FleetOptions) -> Void = { _ in }) async throws -> StoreReport {
        var report = StoreReport()
        try await withTemporaryFolder { folder in
            var settings = DoormandSettings()
            settings.fleet.store = [try StoreAddress(url: "redis://127.0.0.1:\(port)")]
            settings.fleet.secretFile = folder.appendingPathComponent("secret").path
            settings.fleet.passwordFile = folder.appendingPathComponent("password").path
            settings.fleet.user = "doorman"
            settings.fleet.commandTimeout = .seconds(1)
            change(&settings.fleet)
            try FleetStage.secret.write(toFile: settings.fleet.secretFile, atomically: true, encoding: .utf8)
            try "letmein".write(toFile: settings.fleet.passwordFile, atomically: true, encoding: .utf8)
            var check = StoreCheck(try #require(try settings.configuredFleet()))
            report = await check.run()
        }
        return report
    }

    private static func user(_ rights: String) -> String { "user doorman on >letmein resetchannels ~d1:{doorman}:* \(rights)" }

    @Test("a store with the documented rights has facts, and no warning", arguments: RedisServer.Program.allCases)
    func good(program: RedisServer.Program) async throws {
        let server = try await RedisServer(program, ["appendonly yes", Self.user(Self.rights)])
        let report = try await report(port: server.port)
        #expect(report.warnings == [])
        #expect(report.facts.count == 1 && report.facts[0].contains("with an append-only file"), "\(report.facts)")
        try await eventually("nothing is left in the store") { try await server.run("DBSIZE") == "0" }
        server.stop()
    }

    @Test("a right that is missing is named", arguments: ["get", "set", "eval", "xadd", "xread", "xrange", "zrangebyscore"])
    func missingRight(right: String) async throws {
        let rights = Self.rights.split(separator: " ").filter { $0 != "+\(right)" }.joined(separator: " ")
        let server = try await RedisServer(.redis7, ["appendonly yes", Self.user(rights)])
        let report = try await report(port: server.port)
        #expect(
            report.warnings.contains { warning in
                warning.contains(right.uppercased()) && warning.contains("correct the ACL of the user doorman")
            }, "\(report.warnings)")
        server.stop()
    }

    @Test("a key that the user may not use is a missing right")
    func otherTag() async throws {
        let server = try await RedisServer(.redis7, ["appendonly yes", Self.user(Self.rights)])
        let report = try await report(port: server.port) { $0.tag = "another" }
        #expect(report.warnings.count > 5 && report.warnings.allSatisfy { $0.contains("correct the ACL") }, "\(report.warnings)")
        server.stop()
    }

    @Test("a store that can't be reached is a warning")
    func unreachable() async throws {
        let report = try await report(port: 1)
        #expect(report.facts == [])
        #expect(report.warnings.count == 1)
        #expect(report.warnings[0].hasPrefix("the fleet's store can't be reached, so it was not checked: 127.0.0.1:1: "))
    }

    @Test("a wrong password is a warning that does not repeat it")
    func wrongPassword() async throws {
        let server = try await RedisServer(.redis7, [Self.user(Self.rights).replacing("letmein", with: "other")])
        let report = try await report(port: server.port)
        #expect(report.warnings.count == 1 && !report.warnings[0].contains("letmein"), "\(report.warnings)")
        server.stop()
    }
}
