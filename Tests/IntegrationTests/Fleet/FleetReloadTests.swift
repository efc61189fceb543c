import Foundation
import RedisStore
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("A reload of a server of a fleet")
struct FleetReloadTests {
    /// A fleet's files, and a node that started with them. No store listens.
    private struct Scene {
        let folder: URL
        let node: FleetNode
        var settings: DoormandSettings

        func write(_ text: String, to name: String = "secret") throws {
            try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }

        /// Prepares and applies a reload.
        func reload() throws -> ReloadableComponent.Step {
            let step = try node.component.prepare(settings)
            step.apply()
            return step
        }
    }

    private static let (old, new) = (FleetStage.secret, FleetStage.otherSecret)

    private static func run(_ body: (Scene) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            var settings = DoormandSettings()
            settings.fleet.store = [try StoreAddress(url: "rediss://127.0.0.1:1")]
            settings.fleet.secretFile = folder.appendingPathComponent("secret").path
            settings.fleet.passwordFile = folder.appendingPathComponent("password").path
            try old.write(toFile: settings.fleet.secretFile, atomically: true, encoding: .utf8)
            try "one".write(toFile: settings.fleet.passwordFile, atomically: true, encoding: .utf8)
            let fleet = try #require(try settings.configuredFleet())
            let node = try FleetNode(fleet, time: SteppedClock().timeSource, fingerprint: { _ in [] })
            try await body(Scene(folder: folder, node: node, settings: settings))
            await node.store.shutDown()
        }
    }

    @Test("the secrets of a rotation replace each other as long as that of the start is among them")
    func rotation() async throws {
        try await Self.run { scene in
            #expect(try scene.reload().changed == [])
            try scene.write("\(Self.old)\n\(Self.new)\n")
            #expect(try scene.reload().changed == ["fleet.secret-file"])
            try scene.write("\(Self.new)\n\(Self.old)\n")
            #expect(try scene.reload().changed == ["fleet.secret-file"])
            try scene.write("\(Self.new)\n")
            let error = #expect(throws: ConfigurationError.self) { try scene.reload() }
            #expect(
                error?.problems.first?.hasPrefix("fleet.secret-file: the file lacks the secret that this server started with")
                    == true)
            #expect(error?.problems.first?.contains(Self.new) == false)
            try scene.write("\(Self.old)\n")
            #expect(try scene.reload().changed == ["fleet.secret-file"])
        }
    }

    @Test("a new password of the store counts as a change")
    func password() async throws {
        try await Self.run { scene in
            try scene.write("two", to: "password")
            #expect(try scene.reload().changed == ["fleet.password-file"])
            #expect(try scene.reload().changed == [])
        }
    }

    @Test("another tag waits for a restart")
    func tag() async throws {
        try await Self.run { scene in
            var scene = scene
            scene.settings.fleet.tag = "another"
            let step = try scene.reload()
            #expect(step.changed == [])
        }
    }

    @Test("leaving the fleet waits for a restart")
    func leaving() async throws {
        try await Self.run { scene in
            var scene = scene
            scene.settings.fleet = FleetOptions()
            let step = try scene.reload()
            #expect(step.needRestart.contains("fleet.secret-file"))
        }
    }

    @Test("a change to the authorities of the system waits for a restart")
    func authorities() async throws {
        try await Self.run { scene in
            let authority = try await TestAuthority()
            var scene = scene
            scene.settings.fleet.caFile = authority.certificateFile
            let step = try scene.reload()
            #expect(step.needRestart == ["fleet.ca-file"])
        }
    }
}
