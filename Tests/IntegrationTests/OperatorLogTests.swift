import AccountKitEmulator
import DoormanClient
import Foundation
import TestKit
import Testing

/// The log of a real `doormand` through an operator's day, line by line.
@Suite("The log of doormand", .timeLimit(.minutes(5)))
struct OperatorLogTests {
    /// A line without what differs from run to run.
    private struct Line: Equatable, CustomStringConvertible {
        let level: String
        let message: String
        let metadata: [String: String]

        var description: String {
            "\(level) \(message) " + metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        }

        private static let varying = [
            "version", "configuration", "address", "duration", "peer", "failed_requests", "calls", "connections",
            "problem", "files",
        ]

        init(level: String, message: String, metadata: [String: String]) {
            self.level = level
            self.message = message
            self.metadata = metadata.reduce(into: [:]) { $0[$1.key] = Self.varying.contains($1.key) ? "_" : $1.value }
        }

        init(json: Substring) throws {
            var members = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any], "\(json)")
            let time = try #require(members.removeValue(forKey: "time") as? String)
            #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
            #expect(members.removeValue(forKey: "logger") as? String == "doormand")
            self.init(
                level: try #require(members.removeValue(forKey: "level") as? String),
                message: try #require(members.removeValue(forKey: "message") as? String),
                metadata: members.mapValues { ($0 as? [Any]).map { "\($0.map { "\($0)" })" } ?? "\($0)" })
        }

        /// Reads `TIME LEVEL doormand: KEY=VALUE … [MODULE] MESSAGE`.
        init(text: Substring) throws {
            let match = try #require(text.wholeMatch(of: /\S+ (\w+) doormand:(.*) \[\w+\] (.*)/), "\(text)")
            var metadata: [String: String] = [:]
            // A value may hold spaces, but no other key.
            for pair in match.2.matches(of: /(?: |^)([a-z_]+)=(.*?)(?= [a-z_]+=|$)/) { metadata[String(pair.1)] = String(pair.2) }
            self.init(level: String(match.1), message: String(match.3), metadata: metadata)
        }
    }

    private static let application = Stack.ours.id

    /// The day: an outage, throttling, a caller without permission, a full limit, a reload, and the recovery of each.
    private static let start: Set = [
        "info starting configuration=_ providers=[\"account-kit\"] version=_",
        "warning the provider's URL is http:// on this machine: use it with an emulator only application=\(application) "
            + "provider=account-kit",
        "warning process.core-dumps is on: a core dump shows app secrets, private keys and tokens ",
        "info listening address=_",
        "info ready to reload files=_ interval=1h",
    ]

    private static let lines = [
        // The outage.
        "warning the provider is unavailable: calls that need it fail, or get stale entries application=\(application) "
            + "cause=The provider returned a server error. (status 502) provider=account-kit",
        "notice the provider is available again application=\(application) duration=_ failed_requests=_ "
            + "provider=account-kit",
        // Throttling.
        "warning the provider rate limits this application: backing off application=\(application) provider=account-kit",
        "notice the provider no longer rate limits this application application=\(application) duration=_ "
            + "provider=account-kit throttled_requests=1",
        // A secret that stops working.
        "error credential check failed: until it succeeds, a rejected proof makes a token unavailable, not rejected "
            + "application=\(application) cause=The provider is down, or it rejected the application: check the app id and the app secret. files=_ "
            + "provider=account-kit",
        "notice the application's credential works again application=\(application) duration=_ files=_ provider=account-kit",
        // A caller without permission, and audited acts.
        "notice list of accounts audit=account_list caller=ip:127.0.0.1 outcome=OK",
        "info revocation of a token audit=token_revocation caller=ip:127.0.0.1 outcome=OK",
        "warning a caller makes calls that it is not allowed to make action=call doorman.v1.Stats/Get audit=call_not_allowed "
            + "caller=ip:127.0.0.1",
        // A full limit.
        "warning a caller exceeds its limit caller=ip:127.0.0.1 limit=misses-per-second in authorization.policy-file",
        // Two reloads, the first with an error.
        "error invalid settings problem=_",
        "error did not reload the settings: the previous settings stay active audit=reload_failed",
        "info reloaded the caller policy audit=policy_reloaded",
        "notice reloaded the settings audit=settings_reloaded changed=[\"authorization.policy-file\"] configuration=_",
        "notice the caller no longer exceeds its limit caller=ip:127.0.0.1 calls=_ duration=_ limit=misses-per-second in authorization.policy-file",
        "info draining connections=_",
        "info drained ",
    ]

    /// What happens on the day, to a server that runs.
    private struct Day {
        let doormand: DoormandProcess
        let client: DoormanClient
        let policy: URL

        func write(policy rules: String) throws { try rules.write(to: policy, atomically: true, encoding: .utf8) }

        func logged(_ text: String) async throws {
            try await eventually(text, within: .seconds(60)) { doormand.program.errorOutput.contains(text) }
        }

        func verify() async throws -> Bool {
            let token = try doormand.emulator.logIn(phone: "+1555\(Int.random(in: 1_000_000...9_999_999))")
            return (try? await client.verify(token)) != nil
        }

        func providerFailures() async throws {
            doormand.emulator.setFault(.badGateway, for: .me)
            for _ in 0..<2 { #expect(try await !verify()) }
            try await logged("the provider is unavailable")
            doormand.emulator.clearFaults()
            #expect(try await verify())
            try await logged("available again")

            doormand.emulator.setFault(.tooManyRequests(retryAfterSeconds: 1), for: .me)
            #expect(try await !verify())
            try await logged("backing off")
            doormand.emulator.clearFaults()
            try await logged("no longer rate limits")

            try doormand.emulator.changeSecret(to: String(repeating: "f", count: 32))
            #expect(try await !verify())
            try await logged("credential check failed")
            try doormand.emulator.changeSecret(to: Stack.ours.secret)
            try await eventually("the credential is checked again", within: .seconds(60)) { try await verify() }
            try await logged("the application's credential works again")
        }

        func callers() async throws {
            _ = try await client.accountPage()
            _ = try await client.revoke(Token(try doormand.emulator.logIn(phone: "+15551234567")))
            await #expect(throws: DoormanError.self) { try await client.statistics() }
            try await logged("not allowed to make")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<100 { tasks.addTask { _ = try await verify() } }
                try await tasks.waitForAll()
            }
            try await logged("a caller exceeds its limit")
        }

        func reloads() async throws {
            try FileManager.default.removeItem(at: policy)
            doormand.program.hangUp()
            try await logged("did not reload")
            try write(policy: "- callers: [any]\n  methods: [verify]\n")
            doormand.program.hangUp()
            try await logged("settings_reloaded")
            try await logged("no longer exceeds its limit")
        }
    }

    @Test("an operator's day has exactly the expected lines", arguments: ["text", "json"])
    func day(format: String) async throws {
        try await withTemporaryFolder { folder in
            let policy = folder.appendingPathComponent("policy.yaml")
            try "- callers: [any]\n  methods: [verify, revoke, accounts]\n  misses-per-second: 5\n  misses-burst: 30\n"
                .write(to: policy, atomically: true, encoding: .utf8)
            try await DoormandProcess.run([
                "--log-format", format, "--authorization-policy-file", policy.path, "--reload-interval", "1h",
                "--provider-retry-budget", "0%", "--provider-retry-burst", "0",
            ]) { doormand in
                let program = doormand.program
                var patient = DoormanClientConfiguration()
                patient.timeout = .seconds(20)
                let client = DoormanClient(target: .hostAndPort("127.0.0.1", doormand.port), configuration: patient)
                let day = Day(doormand: doormand, client: client, policy: policy)
                try await day.logged("ready to reload")
                try await day.providerFailures()
                try await day.callers()
                try await day.reloads()
                await client.close()
                program.terminate()
                #expect(try await program.ending() == 0)
                let lines = try program.errorOutput.split(separator: "\n").map {
                    format == "json" ? try Line(json: $0) : try Line(text: $0)
                }
                // The server listens while the reloader gets ready.
                #expect(Set(lines.prefix(Self.start.count).map(\.description)) == Self.start)
                #expect(lines.dropFirst(Self.start.count).map(\.description) == Self.lines)
                #expect(!program.allOutput.contains("EMA"))
            }
        }
    }

    @Test("calls of the last second before a shutdown have their lines")
    func lastSecond() async throws {
        try await withTemporaryFolder { folder in
            let policy = folder.appendingPathComponent("policy.yaml")
            try "- callers: [any]\n  methods: [verify]\n".write(to: policy, atomically: true, encoding: .utf8)
            try await DoormandProcess.run(["--authorization-policy-file", policy.path]) { doormand in
                let client = DoormanClient(target: .hostAndPort("127.0.0.1", doormand.port))
                await #expect(throws: DoormanError.self) { try await client.statistics() }
                doormand.program.terminate()
                let ending = try await doormand.program.ending()
                #expect(ending == 0)
                #expect(doormand.program.errorOutput.contains("audit=call_not_allowed"))
                await client.close()
            }
        }
    }
}
