import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import Foundation
import NIOPosix
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Reload of the settings")
struct ActiveConfigurationTests {
    static let secret = "0123456789abcdef0123456789abcdef"
    static let nextSecret = "fedcba9876543210fedcba9876543210"

    /// A folder with a settings file and the files that it names, and the dependencies with these settings.
    struct Scene {
        let folder: URL
        let dependencies: Dependencies
        let server: DoormanServer
        let http: ReloadableHTTPConfiguration
        let daemon: Daemon
        var configuration: ActiveConfiguration

        /// Writes a file. `FOLDER` in the text stands for the folder's path.
        func write(_ text: String, to name: String = "settings.yaml") throws {
            try text.replacingOccurrences(of: "FOLDER", with: folder.path)
                .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }

        func remove(_ name: String) throws {
            try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }

        mutating func reload() async -> ActiveConfiguration.Outcome? { try? await configuration.reload().outcome }

        /// The names of the watched files.
        var files: [String] { configuration.files.map { URL(fileURLWithPath: $0).lastPathComponent }.sorted() }

        var secrets: [[String]] { dependencies.providers.members.map { $0.configured.secrets.map(\.text) } }
    }

    static let single = """
        account-kit: {application-id: 5432154321543210, app-secret-file: FOLDER/old}
        log: {level: info}
        """
    static let several = """
        provider: {file: FOLDER/providers.yaml}
        """

    /// Returns an entry of the file of providers: an Account Kit application.
    static func application(_ id: String, _ values: String = "") -> String {
        "- {name: app\(id), kind: account-kit, url: \"http://127.0.0.1:1\", application-id: \(id)\(values)}\n"
    }

    /// - Parameter providers: The text of `providers.yaml`.
    func withScene(
        _ text: String, providers: String = application("111", ", app-secret-file: old") + application("222"),
        _ body: (inout Scene) async throws -> Void
    ) async throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doormand-reload-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("settings.yaml")
        for (name, text) in [
            ("settings.yaml", text.replacingOccurrences(of: "FOLDER", with: folder.path)), ("old", Self.secret),
            ("new", Self.nextSecret), ("providers.yaml", providers),
        ] { try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8) }
        let loader = SettingsLoader(
            arguments: ["--server-event-loops", "3"] + (text == Self.several ? [] : ["--account-kit-url", "http://127.0.0.1:1"]),
            environment: [:], file: file.path)
        let settings = try loader.load().settings
        let daemon = try Daemon(SettingsLoader.Loaded(settings: settings), loader: loader)
        let dependencies = try Dependencies(settings, logger: daemon.logger)
        defer { dependencies.transport.shutdown() }
        let server = DoormanServer(
            settings: try settings.serverSettings(), backend: dependencies.backend,
            tls: try settings.tls.load(now: dependencies.time.wallTime()),
            group: .singletonMultiThreadedEventLoopGroup, logger: daemon.logger)
        let http = ReloadableHTTPConfiguration(try settings.httpConfiguration(providers: Set(try settings.providers().map(\.name))))
        var scene = Scene(
            folder: folder, dependencies: dependencies, server: server, http: http, daemon: daemon,
            configuration: daemon.activeConfiguration(dependencies, server, http))
        try await body(&scene)
    }

    @Test("a reload of unchanged files changes nothing")
    func unchanged() async throws {
        try await withScene(Self.single) { scene in
            #expect(await scene.reload() == .applied(changed: [], needRestart: []))
            #expect(scene.files == ["old", "settings.yaml"])
        }
    }

    @Test("a reload applies only the settings that need no restart")
    func applied() async throws {
        try await withScene(Self.single) { scene in
            try scene.write(
                """
                account-kit: {application-id: 5432154321543210, app-secret-file: FOLDER/old}
                log: {level: debug}
                cache: {ttl: 5s, max-entries: 32}
                authorization: {misses-burst: 1, max-callers: 7}
                server: {event-loops: 7}
                """)
            #expect(
                await scene.reload()
                    == .applied(
                        changed: ["authorization.misses-burst", "authorization.max-callers", "cache.max-entries", "log.level"],
                        needRestart: ["cache.ttl"]))
            #expect(scene.daemon.logLevel.current == .debug)
            #expect(scene.configuration.settings.cache.ttl == .seconds(60))
            #expect(scene.configuration.settings.cache.valid.entries == 32)
            #expect(scene.server.maximumCallers == 7)
            let moment = scene.dependencies.time.now()
            // A sole caller could use the whole budget of the provider.
            #expect(scene.dependencies.missLimiter.charge(Caller(name: "uid:1"), at: moment) == nil)
            #expect(scene.dependencies.missLimiter.charge(.unknown, at: moment) == nil)
            #expect(scene.dependencies.missLimiter.charge(.unknown, at: moment) != nil)
            // Each reload names settings that need a restart, but an applied change only once.
            #expect(await scene.reload() == .applied(changed: [], needRestart: ["cache.ttl"]))
        }
    }

    @Test("one invalid setting fails the whole reload")
    func failed() async throws {
        try await withScene(Self.single) { scene in
            let planted = "plantedplantedplanted"
            try scene.write(
                """
                account-kit: {application-id: \(planted), app-secret-file: \(planted)}
                log: {level: debug}
                provider: {ca-file: ./\(planted)}
                server: {port-file: \(planted)/port, address: \(planted)}
                """)
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
            #expect(problems.count == 5, "\(problems)")
            #expect(
                problems.contains {
                    $0.hasPrefix("account-kit.app-secret-file: cannot read the file, whose path is relative to ")
                        && $0.hasSuffix(": no such file or directory")
                })
            #expect(!problems.contains { $0.contains(planted) })
            #expect(scene.daemon.logLevel.current == .info)
            #expect(scene.configuration.settings.accountKit.applicationID == "5432154321543210")
            // A repair is noticed in every file: the old files, and the missing file.
            #expect(scene.files == ["old", planted, planted, "settings.yaml"])
        }
    }

    @Test(
        "a valid file is applied after a reload that failed",
        arguments: ["log: {", "- 1", "lgo: {}"])
    func broken(text: String) async throws {
        try await withScene(Self.single) { scene in
            try scene.write(text)
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
            #expect(problems.count == 1)
            try scene.write(Self.single)
            try scene.remove("old")
            #expect(
                await scene.reload()
                    == .failed(["account-kit.app-secret-file: cannot read \(scene.folder.path)/old: no such file or directory"]))
            #expect(scene.secrets == [[Self.secret]])
            try scene.write(Self.nextSecret, to: "old")
            #expect(await scene.reload() == .applied(changed: ["account-kit.app-secret-file"], needRestart: []))
            #expect(scene.secrets == [[Self.nextSecret]])
        }
    }

    @Test("unchanged files cause only one reload, whether it failed or not", arguments: ["log: {", single])
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

    @Test("a cancelled reload changes nothing")
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

    @Test("a rotation of the secret needs no restart in any step")
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

    @Test("of several providers each may join, leave and change without a restart")
    func several() async throws {
        try await withScene(Self.several) { scene in
            #expect(scene.files == ["old", "providers.yaml", "settings.yaml"])
            let applied = ActiveConfiguration.Outcome.applied(changed: ["provider.file"], needRestart: [])
            try scene.write(
                Self.application("111", ", app-secret-file: new") + Self.application("222", ", app-secret-file: old"),
                to: "providers.yaml")
            #expect(await scene.reload() == applied)
            #expect(scene.secrets == [[Self.nextSecret], [Self.secret]])
            #expect(scene.files == ["new", "old", "providers.yaml", "settings.yaml"])
            // One provider leaves, two join, and the provider that stays gets its new secret.
            try scene.write(
                Self.application("333", ", app-secret-file: old") + Self.application("111", ", app-secret-file: old")
                    + "- {kind: jwt, issuer: \"http://127.0.0.1:1\", audience: orders-api}\n",
                to: "providers.yaml")
            #expect(await scene.reload() == applied)
            #expect(scene.dependencies.providers.members.map(\.configured.name) == ["app333", "app111", "jwt"])
            #expect(scene.secrets == [[Self.secret], [Self.secret], []])
            try scene.write(
                Self.application("111", ", app-secret-file: old, accept-answers-without-application: true"), to: "providers.yaml")
            #expect(await scene.reload() == applied)
            #expect(scene.dependencies.providers.members.map(\.configured.acceptsAnswersWithoutApplication) == [true])
            #expect(await scene.reload() == .applied(changed: [], needRestart: []))
        }
    }

    @Test("a provider that stays the same or gets another secret keeps its governor, and any other gets a new one")
    func governors() async throws {
        try await withScene(Self.several) { scene in
            let before = scene.dependencies.providers.members.map(\.governed.governor)
            try scene.write(
                Self.application("222", ", api-version: v1.2") + Self.application("111", ", app-secret-file: new"),
                to: "providers.yaml")
            #expect(await scene.reload() == .applied(changed: ["provider.file"], needRestart: []))
            let after = scene.dependencies.providers.members.map(\.governed.governor)
            #expect(after.count == 2)
            #expect(after[1] === before[0])
            #expect(!before.contains { $0 === after[0] })
        }
    }

    @Test("another application is served without a restart")
    func otherApplication() async throws {
        try await withScene(Self.single) { scene in
            try scene.write(
                "account-kit: {application-id: 111, app-secret-file: FOLDER/new, api-version: v1.2}",
                to: "settings.yaml")
            let keys = ["account-kit.application-id", "account-kit.app-secret-file", "account-kit.api-version"]
            #expect(await scene.reload() == .applied(changed: keys, needRestart: []))
            #expect(scene.dependencies.providers.members.map(\.configured.applicationID) == ["111"])
            #expect(scene.secrets == [[Self.nextSecret]])
        }
    }

    @Test("a provider of another kind is served without a restart")
    func otherKind() async throws {
        try await withScene(Self.several, providers: Self.application("111")) { scene in
            try scene.write("jwt: {issuer: \"http://127.0.0.1:1\", audience: orders-api}")
            let keys = ["provider.file", "jwt.issuer", "jwt.audience"]
            #expect(await scene.reload() == .applied(changed: keys, needRestart: []))
            #expect(scene.dependencies.providers.members.map(\.configured.name) == ["jwt"])
            #expect(scene.files == ["settings.yaml"])
        }
    }

    @Test(
        "a file of providers with a problem changes nothing",
        arguments: [
            ("- {name: app111, kind: account-kit", "line "),
            (application("111", ", accept-answers-without-application: true"), "needs an app secret"),
            (application("111", ", app-secret-file: gone"), "no such file or directory"),
            (application("111") + application("111", ", app-secret-file: new"), "name is already used"), ("[]", "list of 1 to 64"),
        ])
    func badFile(text: String, expectation: String) async throws {
        try await withScene(Self.several) { scene in
            let before = scene.dependencies.providers.members.map(\.governed.governor)
            try scene.write(text, to: "providers.yaml")
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
            #expect(problems.contains { $0.contains(expectation) }, "\(problems)")
            #expect(scene.secrets == [[Self.secret], []])
            #expect(scene.dependencies.providers.members.map(\.configured.name) == ["app111", "app222"])
            #expect(zip(scene.dependencies.providers.members, before).allSatisfy { $0.governed.governor === $1 })
        }
    }

    @Test("a reload that removes the audience or the issuer of an introspection endpoint fails", arguments: ["audience", "issuer"])
    func removedCheck(key: String) async throws {
        let bare = "- {name: partner, kind: introspection, endpoint: \"http://127.0.0.1:1\", client-id: d, client-secret-file: old"
        try await withScene(Self.several) { scene in
            try scene.write(bare + ", \(key): orders-api}\n", to: "providers.yaml")
            #expect(await scene.reload() == .applied(changed: ["provider.file"], needRestart: []))
            try scene.write(bare + "}\n", to: "providers.yaml")
            guard case .failed(let problems) = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
            #expect(problems.contains { $0.contains("has no \(key) any more") }, "\(problems)")
            // Another value is a change like any other.
            try scene.write(bare + ", \(key): billing-api}\n", to: "providers.yaml")
            #expect(await scene.reload() == .applied(changed: ["provider.file"], needRestart: []))
        }
    }

    @Test("a reload replaces the certificate only by a valid certificate with its key")
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
                    == .failed(["tls.private-key-file: the key does not match the first certificate in tls.certificate-file"]))
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

    @Test("every key of a component is a setting that no other component has")
    func keys() async throws {
        try await withScene(Self.single) { scene in
            let keys = scene.daemon.reloadableComponents(scene.dependencies, scene.server, scene.http).flatMap(\.keys)
            #expect(Set(keys).count == keys.count)
            for key in keys { #expect(SettingsCatalogue.setting(key) != nil, "\(key)") }
        }
    }
}
