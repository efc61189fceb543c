import DoormanCore
import DoormanServer
import Foundation
import NIOPosix
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Other settings for a server that runs")
struct ActiveConfigurationTests {
    static let secret = "0123456789abcdef0123456789abcdef"
    static let nextSecret = "fedcba9876543210fedcba9876543210"

    /// A folder with a settings file and the files that it names, and the dependencies that were made from it.
    struct Scene {
        let folder: URL
        let dependencies: Dependencies
        let server: DoormanServer
        let daemon: Daemon
        var configuration: ActiveConfiguration

        /// `FOLDER` in the text stands for the folder's path.
        func write(_ text: String, to name: String = "settings.yaml") throws {
            try text.replacingOccurrences(of: "FOLDER", with: folder.path)
                .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }

        func remove(_ name: String) throws {
            try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }

        mutating func reload() async -> ActiveConfiguration.Outcome? { try? await configuration.reload().outcome }

        /// The names of the files that are watched.
        var files: [String] { configuration.files.map { URL(fileURLWithPath: $0).lastPathComponent }.sorted() }

        var secrets: [[String?]] {
            dependencies.providers.applications.map { $0.secrets.map { $0.map { String(decoding: $0.bytes, as: UTF8.self) } } }
        }
    }

    static let single = """
        account-kit: {application-id: 5432154321543210, app-secret-file: FOLDER/old}
        log: {level: info}
        """
    static let several = """
        account-kit: {applications-file: FOLDER/apps.yaml}
        """

    private func withScene(
        _ text: String, applications: String = "- {id: 111, secret-file: old}\n- {id: 222}\n",
        _ body: (inout Scene) async throws -> Void
    ) async throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doormand-reload-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("settings.yaml")
        for (name, text) in [
            ("settings.yaml", text.replacingOccurrences(of: "FOLDER", with: folder.path)), ("old", Self.secret),
            ("new", Self.nextSecret), ("apps.yaml", applications),
        ] { try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8) }
        let loader = SettingsLoader(arguments: ["--server-event-loops", "3"], environment: [:], file: file.path)
        let settings = try loader.load().settings
        let daemon = try Daemon(settings: settings, loader: loader)
        let dependencies = try Dependencies(settings)
        defer { dependencies.transport.shutdown() }
        let server = DoormanServer(
            settings: try settings.serverSettings(), backend: dependencies.backend,
            tls: try settings.tls.load(now: dependencies.time.wallTime()),
            group: .singletonMultiThreadedEventLoopGroup, logger: daemon.logger)
        var scene = Scene(
            folder: folder, dependencies: dependencies, server: server, daemon: daemon,
            configuration: daemon.activeConfiguration(dependencies, server))
        try await body(&scene)
    }

    @Test("nothing new changes nothing")
    func unchanged() async throws {
        try await withScene(Self.single) { scene in
            #expect(await scene.reload() == .applied(changed: [], needRestart: []))
            #expect(scene.files == ["old", "settings.yaml"])
        }
    }

    @Test("what can change does, what can't is named and stays, and flags go over the file as ever")
    func applied() async throws {
        try await withScene(Self.single) { scene in
            try scene.write(
                """
                account-kit: {application-id: 5432154321543210, app-secret-file: FOLDER/old}
                log: {level: debug}
                cache: {ttl: 5s, max-entries: 32}
                authorization: {misses-burst: 1}
                server: {event-loops: 7}
                """)
            #expect(
                await scene.reload()
                    == .applied(
                        changed: ["authorization.misses-burst", "cache.max-entries", "log.level"], needRestart: ["cache.ttl"]))
            #expect(scene.daemon.logLevel.current == .debug)
            #expect(scene.configuration.settings.cache.ttl == .seconds(60))
            #expect(scene.configuration.settings.cache.valid.entries == 32)
            let moment = scene.dependencies.time.now()
            #expect(scene.dependencies.missLimiter.charge(.unknown, at: moment) == nil)
            #expect(scene.dependencies.missLimiter.charge(.unknown, at: moment) != nil)
            // Said again as long as it is so; what was taken is not.
            #expect(await scene.reload() == .applied(changed: [], needRestart: ["cache.ttl"]))
        }
    }

    @Test("if anything is wrong everything stays, all of it is said, and no value is repeated")
    func failed() async throws {
        try await withScene(Self.single) { scene in
            let planted = "plantedplantedplanted"
            try scene.write(
                """
                account-kit: {application-id: \(planted), app-secret-file: FOLDER/\(planted)}
                log: {level: debug}
                provider: {ca-file: /nowhere/\(planted)}
                server: {port-file: /nowhere/\(planted)/port, address: \(planted)}
                """)
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("it did not fail")
                return
            }
            #expect(problems.count == 5, "\(problems)")
            #expect(problems.contains("account-kit.app-secret-file: the file that it names can't be read"))
            #expect(!problems.contains { $0.contains(planted) || $0.contains("nowhere") })
            #expect(scene.daemon.logLevel.current == .info)
            #expect(scene.configuration.settings.applicationID == "5432154321543210")
            // Whatever mends it is noticed: those of before, and the one that is missing.
            #expect(scene.files == ["old", planted, "settings.yaml"])
        }
    }

    @Test(
        "a broken file, or a missing secret, fails, and a good file after it is applied",
        arguments: ["log: {", "- 1", "lgo: {}"])
    func broken(text: String) async throws {
        try await withScene(Self.single) { scene in
            try scene.write(text)
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("it did not fail")
                return
            }
            #expect(problems.count == 1)
            try scene.write(Self.single)
            try scene.remove("old")
            #expect(
                await scene.reload()
                    == .failed(["account-kit.app-secret-file: the file that it names can't be read"]))
            #expect(scene.secrets == [[Self.secret]])
            try scene.write(Self.nextSecret, to: "old")
            #expect(await scene.reload() == .applied(changed: ["account-kit.app-secret-file"], needRestart: []))
            #expect(scene.secrets == [[Self.nextSecret]])
        }
    }

    @Test("after a reload, failed or applied, files that stay as they are lead to no other", arguments: ["log: {", single])
    func reportedOnce(text: String) async throws {
        try await withScene(Self.single) { scene in
            var watched = WatchedConfiguration(scene.configuration)
            try scene.write(text)
            var outcomes: [ActiveConfiguration.Outcome] = []
            for _ in 0..<12 {
                if let outcome = await watched.reload(for: .interval) { outcomes.append(outcome) }
            }
            #expect(outcomes.count == 1)
            #expect(await watched.reload(for: .signal) == outcomes.first)
        }
    }

    @Test("a reload that is cancelled changes nothing")
    func cancelled() async throws {
        try await withScene(Self.single) { scene in
            try scene.write(Self.single.replacingOccurrences(of: "info", with: "debug"))
            let (configuration, level) = (scene.configuration, scene.daemon.logLevel)
            await withTaskGroup(of: Void.self) { tasks in
                tasks.cancelAll()
                tasks.addTask {
                    var configuration = configuration
                    await #expect(throws: CancellationError.self) { try await configuration.reload() }
                }
            }
            #expect(level.current == .info)
        }
    }

    @Test("a second secret comes, takes the first one's place, and its own goes")
    func rotation() async throws {
        try await withScene(Self.single) { scene in
            let (first, second) = ("app-secret-file: FOLDER/old", "app-secret-file: FOLDER/old, next-app-secret-file: FOLDER/new")
            for (files, changed, secrets) in [
                (second, ["account-kit.next-app-secret-file"], [Self.secret, Self.nextSecret]),
                (
                    "app-secret-file: FOLDER/new",
                    ["account-kit.app-secret-file", "account-kit.next-app-secret-file"], [Self.nextSecret]
                ),
                (first, ["account-kit.app-secret-file"], [Self.secret]),
            ] {
                try scene.write("account-kit: {application-id: 5432154321543210, \(files)}")
                #expect(await scene.reload() == .applied(changed: changed, needRestart: []))
                #expect(scene.secrets == [secrets])
            }
        }
    }

    @Test("of several applications the secrets change; which they are, and all else about them, needs a restart")
    func several() async throws {
        try await withScene(Self.several) { scene in
            #expect(scene.files == ["apps.yaml", "old", "settings.yaml"])
            let key = "account-kit.applications-file"
            try scene.write("- {id: 111, secret-file: new}\n- {id: 222, secret-file: old}\n", to: "apps.yaml")
            #expect(await scene.reload() == .applied(changed: [key], needRestart: []))
            #expect(scene.secrets == [[Self.nextSecret], [Self.secret]])
            #expect(scene.files == ["apps.yaml", "new", "old", "settings.yaml"])
            // One goes, one comes, and the one that stays gets its secret.
            try scene.write("- {id: 333, secret-file: old}\n- {id: 111, secret-file: old}\n", to: "apps.yaml")
            #expect(await scene.reload() == .applied(changed: [key], needRestart: [key]))
            #expect(scene.dependencies.providers.applications.map(\.id) == ["111", "222"])
            #expect(scene.secrets == [[Self.secret], [Self.secret]])
            try scene.write(
                "- {id: 111, secret-file: old, accept-answers-without-application: true}\n- {id: 222, secret-file: old}\n",
                to: "apps.yaml")
            #expect(await scene.reload() == .applied(changed: [], needRestart: [key]))
            #expect(!scene.dependencies.providers.applications.contains { $0.acceptsAnswersWithoutApplication })
        }
    }

    @Test("another single application needs a restart, and its secret is not taken for the one that is served")
    func otherApplication() async throws {
        try await withScene(Self.single) { scene in
            try scene.write(
                "account-kit: {application-id: 111, app-secret-file: FOLDER/new, api-version: v1.2}",
                to: "settings.yaml")
            #expect(
                await scene.reload()
                    == .applied(
                        changed: [],
                        needRestart: ["account-kit.application-id", "account-kit.app-secret-file", "account-kit.api-version"]))
            #expect(scene.dependencies.providers.applications.map(\.id) == ["5432154321543210"])
            #expect(scene.secrets == [[Self.secret]])
        }
    }

    @Test("what can only be wrong together with what stays is refused")
    func wrongTogether() async throws {
        let lax = "- {id: 111, secret-file: old, accept-answers-without-application: true}\n"
        try await withScene(Self.several, applications: lax) { scene in
            // Good in itself; but as answers that name no application would still be accepted, the secret is the only guard.
            try scene.write("- {id: 111}\n", to: "apps.yaml")
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("it did not fail")
                return
            }
            #expect(problems.count == 1)
            #expect(problems.first?.contains("accepting answers without an application needs the secret") == true)
            #expect(scene.secrets == [[Self.secret]])
        }
    }

    @Test("another certificate is taken for the next handshakes, and one that is no good, or only half there, is not")
    func certificates() async throws {
        let (first, second) = (try await TestCertificate(), try await TestCertificate())
        func settings(_ certificate: TestCertificate, key: TestCertificate) -> String {
            Self.single + "\ntls: {certificate-file: \(certificate.certificateFile), private-key-file: \(key.keyFile)}\n"
        }
        try await withScene(settings(first, key: first)) { scene in
            let before = scene.server.tlsMaterial
            #expect(before != nil)
            #expect(await scene.reload() == .applied(changed: [], needRestart: []))
            try scene.write(settings(second, key: first))
            #expect(
                await scene.reload()
                    == .failed(["tls.private-key-file: it is not the key of the first certificate in tls.certificate-file"]))
            #expect(scene.server.tlsMaterial == before)
            try scene.write(settings(second, key: second))
            #expect(
                await scene.reload() == .applied(changed: ["tls.certificate-file", "tls.private-key-file"], needRestart: []))
            #expect(scene.server.tlsMaterial != before)
            try scene.write(Self.single)
            #expect(
                await scene.reload()
                    == .applied(
                        changed: [],
                        needRestart: ["tls.certificate-file", "tls.private-key-file"]))
        }
    }

    @Test("every key that a component names is a setting, and of one component alone")
    func keys() async throws {
        try await withScene(Self.single) { scene in
            let keys = scene.daemon.reloadableComponents(scene.dependencies, scene.server).flatMap(\.keys)
            #expect(Set(keys).count == keys.count)
            for key in keys { #expect(SettingsCatalogue.setting(key) != nil, "\(key)") }
        }
    }
}
