import AccountKitEmulator
import DoormanClient
import Foundation
import Logging
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanDaemon

/// A `doormand` process in front of an emulator in the test's process.
@Suite("Reloading", .serialized)
struct ReloadTests {
    private static let next = "00112233445566778899aabbccddeeff"
    private static let plantedInEnvironment = "plantedintheenvironment"

    private struct Scene {
        let folder: URL
        let emulator: AccountKitEmulator
        let doormand: ChildProcess
        let client: DoormanClient
        let port: Int

        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

        func write(_ text: String, to name: String = "settings.yaml") throws {
            try text.replacingOccurrences(of: "FOLDER", with: folder.path)
                .write(toFile: path(name), atomically: true, encoding: .utf8)
        }

        /// Returns the number of log lines that contain the text.
        func count(_ text: String) -> Int {
            doormand.errorOutput.split(separator: "\n").filter { $0.contains(text) }.count
        }

        func waitForLine(_ text: String, times: Int = 1) async throws {
            try await eventually("\(times) log lines with: \(text)") { count(text) >= times }
        }

        func verify(_ token: String, maxAge: Duration? = nil) async -> String {
            do throws(DoormanError) {
                _ = try await client.verify(token, maxAge: maxAge)
                return "OK"
            } catch {
                return "\(error)"
            }
        }
    }

    private static let settings = """
        account-kit: {application-id: \(Stack.ours.id), app-secret-file: FOLDER/secret}
        """
    private static let reloaded = "reloaded the settings"
    private static let notReloaded = "did not reload the settings"

    /// - Parameter interval: Time between checks of the files. Default 0: only a signal causes a reload.
    private func withScene(
        _ arguments: [String] = [], interval: String = "0s", _ body: (Scene) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            var settings = EmulatorSettings(port: 0)
            settings.apps = [Stack.ours]
            let emulator = try AccountKitEmulator(
                settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            try await emulator.start()
            let portFile = folder.appendingPathComponent("port")
            for (name, text) in [("secret", Stack.ours.secret), ("next", Self.next), ("settings.yaml", Self.settings)] {
                try text.replacingOccurrences(of: "FOLDER", with: folder.path)
                    .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
            }
            let doormand = try ChildProcess.ours(
                "doormand",
                [
                    "--config", folder.appendingPathComponent("settings.yaml").path, "--server-address", "127.0.0.1:0",
                    "--server-port-file", portFile.path, "--account-kit-url", emulator.baseURL, "--reload-interval", interval,
                ] + arguments, environment: ["PLANTED": Self.plantedInEnvironment].merging(ChildProcess.patience) { $1 })
            let port = try await doormand.port(from: portFile)
            var clientSettings = DoormanClientConfiguration()
            clientSettings.timeout = .seconds(20)
            let client = DoormanClient(target: .hostAndPort("127.0.0.1", port), configuration: clientSettings)
            let scene = Scene(folder: folder, emulator: emulator, doormand: doormand, client: client, port: port)
            try await scene.waitForLine("ready to reload")
            try await body(scene)
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
            await client.close()
            try await emulator.stop()
            for secret in [Stack.ours.secret, Self.next, Self.plantedInEnvironment] {
                #expect(!doormand.allOutput.contains(secret))
            }
        }
    }

    @Test(
        "a reload does not replace a valid certificate by one that has expired, or is not valid yet",
        arguments: [
            (true, "has expired, and the active certificate has not: renew the file"),
            (false, "is not valid yet, and the active certificate is: check the clock, or reload once it is valid"),
        ])
    func invalidCertificate(isExpired: Bool, problem: String) async throws {
        let authority = try await TestAuthority()
        let (valid, invalid) = (try await authority.leaf(), try await authority.leaf(isExpired: isExpired, isEarly: !isExpired))
        let renewed = try await authority.leaf()
        let files = ["--tls-certificate-file", valid.certificateFile, "--tls-private-key-file", valid.keyFile]
        func replace(by leaf: TestAuthority.Leaf) throws {
            for (new, old) in [(leaf.certificateFile, valid.certificateFile), (leaf.keyFile, valid.keyFile)] {
                try String(contentsOfFile: new, encoding: .utf8).write(toFile: old, atomically: true, encoding: .utf8)
            }
        }
        try await withScene(files) { scene in
            try replace(by: invalid)
            scene.doormand.hangUp()
            try await scene.waitForLine(Self.notReloaded)
            #expect(
                scene.count("tls.certificate-file: the certificate \(problem) (\(valid.certificateFile))") == 1,
                "\(scene.doormand.allOutput)")
            #expect(scene.count("reloaded the TLS certificates") == 0)
            try replace(by: renewed)
            scene.doormand.hangUp()
            try await scene.waitForLine("reloaded the TLS certificates")
        }
    }

    @Test("SIGHUP applies a valid file without dropping connections")
    func good() async throws {
        let health = try GoldenVector.named("request-health-server")
        try await withScene { scene in
            let peer = try RawPeer.connect(port: scene.port)
            try await peer.send(health.bytes)
            #expect(try await peer.readFrame().type == 2)
            let token = try scene.emulator.logIn(phone: "+15551234567")
            #expect(await scene.verify(token) == "OK")
            try scene.write(Self.settings + "\nlog: {level: debug}\ncache: {max-entries: 20, ttl: 5s}\n")
            scene.doormand.hangUp()
            try await scene.waitForLine("need a restart: their old values stay active")
            #expect(scene.count(Self.reloaded) == 1)
            #expect(scene.count(#"changed=["cache.max-entries", "log.level"]"#) == 1, "\(scene.doormand.allOutput)")
            #expect(scene.count(#"settings=["cache.ttl"]"#) == 1)
            try await peer.send(health.bytes)
            #expect(try await peer.readFrame().type == 2)
            // A cache hit.
            #expect(await scene.verify(token) == "OK")
            #expect(scene.emulator.statistics[.me] == 1)
            // The new log level prints more lines, and no secret.
            scene.doormand.terminate()
            try await scene.waitForLine("debug doormand")
        }
    }

    @Test("SIGHUP with an invalid file changes nothing")
    func bad() async throws {
        try await withScene { scene in
            let token = try scene.emulator.logIn(phone: "+15551234567")
            for (number, (text, error)) in [
                ("log: {level: debug", "line 2: "), ("log: {levle: debug}", "did you mean log.level?"),
                (
                    Self.settings.replacingOccurrences(of: "secret}", with: "nowhere}") + "\nlog: {level: debug}",
                    "/nowhere: no such file or directory"
                ),
            ].enumerated() {
                try scene.write(text)
                scene.doormand.hangUp()
                try await scene.waitForLine(Self.notReloaded, times: number + 1)
                #expect(scene.count(error) == 1, "\(scene.doormand.allOutput)")
            }
            #expect(await scene.verify(token) == "OK")
            #expect(scene.count(Self.reloaded) == 0)
            // A valid file is applied afterwards.
            try scene.write(Self.settings + "\nlog: {level: debug}")
            scene.doormand.hangUp()
            try await scene.waitForLine(#"changed=["log.level"]"#)
        }
    }

    @Test("a changed file is applied without a signal")
    func looking() async throws {
        try await withScene(interval: "20ms") { scene in
            try scene.write(Self.settings + "\ncache: {max-entries: 20}\n")
            try await scene.waitForLine(#"changed=["cache.max-entries"]"#)
            try scene.write("cache: {")
            try await scene.waitForLine(Self.notReloaded)
            try scene.write(Self.settings + "\ncache: {max-entries: 21}\n")
            try await scene.waitForLine(Self.reloaded, times: 2)
            #expect(scene.count(Self.notReloaded) == 1)
            try FileManager.default.removeItem(atPath: scene.path("secret"))
            try await scene.waitForLine(Self.notReloaded, times: 2)
            try scene.emulator.changeSecret(to: Self.next)
            try scene.write(Self.next, to: "secret")
            try await scene.waitForLine(#"changed=["account-kit.app-secret-file"]"#)
            #expect(await scene.verify(try scene.emulator.logIn(phone: "+15551234567")) == "OK")
            #expect(scene.emulator.statistics[.me] == 1)
        }
    }

    @Test("a link that points to other files, as with Kubernetes, is a change")
    func turnedLink() async throws {
        try await withScene(interval: "20ms") { scene in
            for (name, secret) in [("1", Stack.ours.secret), ("2", Self.next)] {
                try FileManager.default.createDirectory(atPath: scene.path(name), withIntermediateDirectories: false)
                try scene.write(secret, to: "\(name)/secret")
            }
            try FileManager.default.createSymbolicLink(atPath: scene.path("data"), withDestinationPath: "1")
            try scene.write(Self.settings.replacingOccurrences(of: "FOLDER/secret", with: "FOLDER/data/secret"))
            try await scene.waitForLine(Self.reloaded)
            try scene.emulator.changeSecret(to: Self.next)
            try FileManager.default.createSymbolicLink(atPath: scene.path("data.next"), withDestinationPath: "2")
            let turned = unsafe rename(scene.path("data.next"), scene.path("data"))
            #expect(turned == 0)
            try await scene.waitForLine(Self.reloaded, times: 2)
            #expect(await scene.verify(try scene.emulator.logIn(phone: "+15551234567")) == "OK")
        }
    }

    @Test("no call fails while a secret is rotated under load")
    func rotation() async throws {
        // Every call is a cache miss. The test does not measure speed.
        let arguments = [
            "--cache-ttl", "0s", "--authorization-misses-burst", "1000000", "--provider-max-calls-per-second", "1000000",
            "--provider-call-timeout", "20s", "--provider-request-timeout", "20s",
        ]
        try await withScene(arguments) { scene in
            let tokens = try (0..<8).map { try scene.emulator.logIn(phone: "+1555000000\($0)") }
            let completed = NIOLockedValueBox(Array(repeating: 0, count: tokens.count))
            let isOver = NIOLockedValueBox(false)
            /// Waits for `count` results of every worker. After two, all earlier calls have ended.
            func moreCalls(_ count: Int) async throws {
                let before = completed.withLockedValue { $0 }
                try await eventually("\(count) more results of every worker", within: .seconds(60)) {
                    zip(before, completed.withLockedValue { $0 }).allSatisfy { $1 - $0 >= count }
                }
            }
            let failures = try await withThrowingTaskGroup(of: [String].self) { tasks in
                for (worker, token) in tokens.enumerated() {
                    tasks.addTask {
                        var failures: [String] = []
                        while !isOver.withLockedValue({ $0 }) {
                            let outcome = await scene.verify(token)
                            if outcome != "OK" { failures.append(outcome) }
                            completed.withLockedValue { $0[worker] += 1 }
                        }
                        return failures
                    }
                }
                try await moreCalls(2)
                try scene.write(
                    Self.settings.replacingOccurrences(of: "}", with: ", next-app-secret-file: FOLDER/next}"))
                scene.doormand.hangUp()
                try await scene.waitForLine(#"changed=["account-kit.next-app-secret-file"]"#)
                try await moreCalls(2)
                try scene.emulator.changeSecret(to: Self.next)
                try await moreCalls(10)
                try scene.write(Self.settings.replacingOccurrences(of: "FOLDER/secret", with: "FOLDER/next"))
                scene.doormand.hangUp()
                try await scene.waitForLine(Self.reloaded, times: 2)
                try await moreCalls(10)
                isOver.withLockedValue { $0 = true }
                return try await tasks.reduce(into: []) { $0 += $1 }
            }
            #expect(failures.isEmpty, "\(failures.count): \(failures.prefix(3))")
        }
    }

    @Test("no call fails during a storm of signals")
    func storm() async throws {
        try await withScene { scene in
            let token = try scene.emulator.logIn(phone: "+15551234567")
            async let calls = withTaskGroup(of: String.self) { tasks in
                for _ in 0..<200 { tasks.addTask { await scene.verify(token) } }
                return await tasks.reduce(into: Set()) { $0.insert($1) }
            }
            for _ in 0..<100 { scene.doormand.hangUp() }
            #expect(await calls == ["OK"])
            try await scene.waitForLine(Self.reloaded)
            try scene.write(Self.settings + "\ncache: {max-entries: 20}\n")
            scene.doormand.hangUp()
            try await scene.waitForLine(#"changed=["cache.max-entries"]"#)
            #expect((2...102).contains(scene.count(Self.reloaded)))
        }
    }

    @Test("SIGHUP does nothing while doormand drains")
    func draining() async throws {
        // The time-outs exceed the latency below, also on a slow machine.
        try await withScene(["--provider-request-timeout", "10s", "--provider-call-timeout", "10s"]) { scene in
            let token = try scene.emulator.logIn(phone: "+15551234567")
            scene.emulator.setFault(.latency(.seconds(1)), for: .me)
            async let call = scene.verify(token)
            try await eventually("a provider request") { scene.emulator.statistics[.me] == 1 }
            try scene.write("log: {")
            scene.doormand.terminate()
            try await scene.waitForLine("draining")
            try await eventually("the end of doormand") {
                scene.doormand.hangUp()
                return !scene.doormand.isRunning
            }
            #expect(await call == "OK")
            #expect(scene.count(Self.notReloaded) == 0)
        }
    }

    @Test("a changed caller policy applies to the next call of an open connection")
    func policy() async throws {
        try await withScene(interval: "20ms") { scene in
            let token = try scene.emulator.logIn(phone: "+15551234567")
            #expect(await scene.verify(token) == "OK")
            try scene.write("- {callers: local, methods: stats}", to: "policy.yaml")
            try scene.write(Self.settings + "\nauthorization: {policy-file: FOLDER/policy.yaml}\n")
            try await scene.waitForLine(Self.reloaded)
            // Each event loop applies the policy a moment after the reload is logged.
            try await eventually("the policy applies") { await scene.verify(token).contains("CALLER_NOT_ALLOWED") }
            try scene.write("- {callers: local, methods: [verify, stats]}", to: "policy.yaml")
            try await scene.waitForLine(Self.reloaded, times: 2)
            try await eventually("the policy applies") { await scene.verify(token) == "OK" }
            try scene.write("- {callers: local, methods: fly}", to: "policy.yaml")
            try await scene.waitForLine(Self.notReloaded)
            #expect(await scene.verify(token) == "OK")
            let statistics = try await scene.client.statistics()
            #expect(statistics.counters[.reloadsApplied] == 2 && statistics.counters[.reloadsFailed] == 1)
            #expect(statistics.gauges[.reloadsLastApplied] == 0)
            try scene.write("- {callers: local, methods: [verify, stats]}", to: "policy.yaml")
            try await scene.waitForLine(Self.reloaded, times: 3)
            #expect(try await scene.client.statistics().gauges[.reloadsLastApplied] == 1)
        }
    }

    @Test("no call fails while TLS files are rotated under load")
    func certificates() async throws {
        let (old, new) = (try await TestAuthority(), try await TestAuthority())
        let (oldCaller, newCaller) = (try await old.leaf(names: TLSFolder.caller), try await new.leaf(names: TLSFolder.caller))
        try await withTemporaryFolder { folder in
            let files = TLSFolder(folder: folder)
            try files.install([old.certificateFile, new.certificateFile], as: "servers.pem")
            try files.install(try await old.leaf(names: "IP:127.0.0.1"), callers: [old])
            try await withScene(files.arguments, interval: "20ms") { scene in
                let token = try scene.emulator.logIn(phone: "+15551234567")
                #expect(try await files.expiry(at: scene.port, as: oldCaller) > UInt64(Date().timeIntervalSince1970))
                await #expect(throws: DoormanError.self) { try await files.expiry(at: scene.port, as: newCaller) }
                try await withConnections {
                    try await files.call(scene.port, as: oldCaller) { client in
                        for _ in 0..<5 { _ = try await client.verify(token) }
                    }
                } until: { moreConnections in
                    try await moreConnections()
                    try files.install(try await new.leaf(names: "IP:127.0.0.1"), callers: [old, new])
                    try await scene.waitForLine(Self.reloaded)
                    try await moreConnections()
                    // The key does not match the certificate, so the last valid pair stays.
                    try files.install([oldCaller.keyFile], as: "server.key")
                    try await scene.waitForLine(Self.notReloaded)
                    try await moreConnections()
                }
                #expect(try await files.expiry(at: scene.port, as: newCaller) > 0)
            }
        }
    }

    /// Repeats the work in four tasks until the body returns.
    private func withConnections(
        _ work: @escaping @Sendable () async throws -> Void,
        until body: (_ moreConnections: () async throws -> Void) async throws -> Void
    ) async throws {
        let count = NIOLockedValueBox(0)
        let isOver = NIOLockedValueBox(false)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<4 {
                tasks.addTask {
                    while !isOver.withLockedValue({ $0 }) {
                        try await work()
                        count.withLockedValue { $0 += 1 }
                    }
                }
            }
            defer { isOver.withLockedValue { $0 = true } }
            try await body {
                let enough = count.withLockedValue { $0 } + 20
                try await eventually("20 more connections", within: .seconds(60)) { count.withLockedValue { $0 } >= enough }
            }
            isOver.withLockedValue { $0 = true }
            try await tasks.waitForAll()
        }
    }

    /// The TLS files of a server and its callers.
    private struct TLSFolder {
        let folder: URL

        /// The name of a caller that may read statistics.
        static let caller = "URI:spiffe://example.org/operators"

        var arguments: [String] {
            [
                "--tls-certificate-file", path("server.pem"), "--tls-private-key-file", path("server.key"), "--tls-client-ca-file",
                path("callers.pem"), "--authorization-policy-file", path("policy.yaml"),
            ]
        }

        private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

        /// Writes the contents of several files into one file, atomically.
        func install(_ files: [String], as name: String) throws {
            let text = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }.joined()
            try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        }

        func install(_ leaf: TestAuthority.Leaf, callers: [TestAuthority]) throws {
            try "- {callers: uri:spiffe://example.org/operators, methods: [verify, stats]}"
                .write(toFile: path("policy.yaml"), atomically: true, encoding: .utf8)
            try install([leaf.keyFile], as: "server.key")
            try install([leaf.certificateFile], as: "server.pem")
            try install(callers.map(\.certificateFile), as: "callers.pem")
        }

        func call<Value>(
            _ port: Int, as caller: TestAuthority.Leaf, _ body: (DoormanClient) async throws -> Value
        ) async throws -> Value {
            let pair = DoormanTLS.KeyPair(certificateFile: caller.certificateFile, privateKeyFile: caller.keyFile)
            var settings = DoormanClientConfiguration()
            settings.timeout = .seconds(20)
            return try await withDoormanClient(
                target: .hostAndPort("127.0.0.1", port),
                tls: DoormanTLS(trust: .file(path: path("servers.pem")), keyPair: pair), configuration: settings, body)
        }

        /// Returns the expiry of the server's certificate from its statistics.
        func expiry(at port: Int, as caller: TestAuthority.Leaf) async throws -> UInt64 {
            let statistics = try await call(port, as: caller) { try await $0.statistics(timeout: .seconds(2)) }
            return try #require(statistics.gauges[.tlsCertificateExpiry])
        }
    }
}
