import AccountKitEmulator
import DoormanCore
import Foundation
import Logging
import MetricsTestKit
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanClient

@Suite("A client of three servers", .serialized, .timeLimit(.minutes(5)))
struct FailoverTests {
    /// Three `doormand` processes with one provider.
    private final class Servers {
        let emulator: AccountKitEmulator
        private let folder: URL
        private let common: [String]
        private(set) var programs: [ChildProcess] = []
        private(set) var ports: [Int] = []

        init(in folder: URL) async throws {
            var settings = EmulatorSettings(port: 0)
            settings.apps = [Stack.ours]
            emulator = try AccountKitEmulator(
                settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            try await emulator.start()
            let secretFile = folder.appendingPathComponent("secret")
            try (Stack.ours.secret + "\n").write(to: secretFile, atomically: true, encoding: .utf8)
            let policy = folder.appendingPathComponent("policy.yaml")
            try "- {callers: local, methods: [verify, exchange, revoke, revoke-accounts, accounts, stats]}"
                .write(to: policy, atomically: true, encoding: .utf8)
            self.folder = folder
            common = [
                "--account-kit-url", emulator.baseURL, "--account-kit-application-id", Stack.ours.id,
                "--account-kit-app-secret-file", secretFile.path, "--authorization-policy-file", policy.path,
            ]
            for _ in 0..<3 {
                let program = try start(port: 0)
                programs.append(program)
                ports.append(try await program.port(from: portFile(0)))
                try FileManager.default.removeItem(at: portFile(0))
            }
        }

        /// Restarts a server at its port. Repeats until the port is free.
        func restart(_ index: Int) async throws {
            for _ in 0..<50 {
                let program = try start(port: ports[index])
                programs[index] = program
                if (try? await program.port(from: portFile(ports[index]))) != nil { return }
            }
            throw NeverHappened(description: "a restarted server could not listen on its port")
        }

        func stop() async throws {
            for program in programs { program.terminate() }
            for program in programs { _ = try await program.ending() }
            try await emulator.stop()
        }

        private func portFile(_ port: Int) -> URL { folder.appendingPathComponent("port-\(port)") }

        private func start(port: Int) throws -> ChildProcess {
            try? FileManager.default.removeItem(at: portFile(port))
            return try ChildProcess.ours(
                "doormand",
                common + ["--server-address", "127.0.0.1:\(port)", "--server-port-file", portFile(port).path],
                environment: ChildProcess.patience)
        }
    }

    @Test("no call fails while single servers fail")
    func badDay() async throws {
        try await withTemporaryFolder { folder in
            let servers = try await Servers(in: folder)
            let tokens = try (0..<50).map { try servers.emulator.logIn(phone: "+1555123\(1000 + $0)") }
            let metrics = TestMetrics()
            var settings = DoormanClientConfiguration()
            // Two cores and perhaps a sanitizer make the machine slow.
            if !TestSize.isFull { settings.timeout = .seconds(10) }
            let client = DoormanClient(
                targets: servers.ports.map { .hostAndPort("127.0.0.1", $0) }, configuration: settings,
                environment: .init(metricsFactory: metrics))
            let retries = { (cause: String) in
                (try? metrics.expectCounter("doorman_client_retries_total", [("cause", cause)]))?.totalValue ?? 0
            }
            let load = Load(client: client, tokens: tokens, callsPerSecond: TestSize.isFull ? 2000 : 500)
            let running = Task { try await load.run() }

            try await load.waitForCalls("all servers work")
            servers.programs[0].pause()
            try await eventually("calls to the hanging server are retried", within: .seconds(60)) { retries("hung") > 0 }
            try await load.waitForCalls("a server hangs")
            servers.programs[0].resume()
            try await load.waitForCalls("it resumes")
            servers.programs[1].killAtOnce()
            try await load.waitForCalls("a server is killed")
            try await servers.restart(1)
            try await load.waitForCalls("it is back")
            servers.programs[2].terminate()
            try await load.waitForCalls("a server drains")
            #expect(try await servers.programs[2].ending() == 0)
            try await servers.restart(2)
            try await load.waitForCalls("it is back")
            servers.programs[0].pause()
            servers.programs[1].killAtOnce()
            try await load.waitForCalls("only the third server works")
            servers.programs[0].resume()
            try await servers.restart(1)
            try await load.waitForCalls("all servers work again")
            load.stop()
            let outcome = try await running.value
            await client.close()
            try await servers.stop()

            #expect(outcome.failures.isEmpty, "\(outcome.failures.count) of \(outcome.calls): \(outcome.failures.prefix(3))")
            let retried = ["hung", "connection_lost", "draining", "unsent", "unavailable"].map { ($0, retries($0)) }
            print("\(outcome.calls) calls, \(outcome.failures.count) failed, longest \(outcome.longest), retries: \(retried)")
            // The bound over the whole test.
            #expect(retried.reduce(0) { $0 + $1.1 } < Int64(outcome.calls / 20))
        }
    }

    @Test("every server rejects a revoked token and the tokens of a deleted account")
    func revocations() async throws {
        try await withTemporaryFolder { folder in
            let servers = try await Servers(in: folder)
            let revoked = try servers.emulator.logIn(phone: "+15551234567")
            let deleted = try servers.emulator.logIn(phone: "+15557654321")
            let account = try #require(servers.emulator.account(ofToken: deleted))
            var settings = DoormanClientConfiguration()
            settings.timeout = .seconds(20)
            let targets = servers.ports.map { DoormanTarget.hostAndPort("127.0.0.1", $0) }
            let client = DoormanClient(targets: targets, configuration: settings)
            let clients = targets.map { DoormanClient(target: $0, configuration: settings) }
            for client in clients {
                for token in [revoked, deleted] { _ = try await client.verify(token) }
            }
            #expect(try await client.revoke(Token(revoked)).confirmed.map(\.target) == targets)
            #expect(try await client.deleteAccount(account).confirmed.map(\.target) == targets)
            for client in clients {
                for token in [revoked, deleted] {
                    let error = await #expect(throws: DoormanError.self) { try await client.verify(token) }
                    #expect(error?.rejection == .tokenRejected)
                }
            }
            let left = try await client.accountPage()
            #expect(left.accounts.map(\.phoneNumber) == ["+15551234567"])
            for client in clients + [client] { await client.close() }
            try await servers.stop()
        }
    }

    /// Makes calls at a steady rate without waiting for earlier calls.
    private final class Load: Sendable {
        struct Outcome: Sendable {
            var calls = 0
            var failures: [String] = []
            var longest = Duration.zero
        }

        private let client: DoormanClient
        private let tokens: [String]
        private let callsPerSecond: Int
        private let outcome = NIOLockedValueBox(Outcome())
        private let isOver = NIOLockedValueBox(false)

        init(client: DoormanClient, tokens: [String], callsPerSecond: Int) {
            self.client = client
            self.tokens = tokens
            self.callsPerSecond = callsPerSecond
        }

        func stop() {
            isOver.withLockedValue { $0 = true }
        }

        /// Waits for as many calls as two seconds have.
        func waitForCalls(_ what: String) async throws {
            let enough = outcome.withLockedValue { $0.calls } + 2 * callsPerSecond
            try await eventually("calls end while \(what)", within: .seconds(60)) { outcome.withLockedValue { $0.calls } >= enough }
        }

        func run() async throws -> Outcome {
            let clock = ContinuousClock()
            let start = clock.now
            await withDiscardingTaskGroup { tasks in
                var number = 0
                while !isOver.withLockedValue({ $0 }) {
                    let due = Int(start.duration(to: clock.now) / .seconds(1) * Double(callsPerSecond))
                    while number < due {
                        let token = tokens[number % tokens.count]
                        tasks.addTask { await self.call(token, clock) }
                        number += 1
                    }
                    try? await Task.sleep(for: .milliseconds(2))
                }
            }
            return outcome.withLockedValue { $0 }
        }

        private func call(_ token: String, _ clock: ContinuousClock) async {
            let start = clock.now
            var failure: String?
            do throws(DoormanError) {
                _ = try await client.verify(token)
            } catch {
                failure = error.description
            }
            let took = start.duration(to: clock.now)
            outcome.withLockedValue { outcome in
                outcome.calls += 1
                outcome.longest = max(outcome.longest, took)
                if let failure { outcome.failures.append(failure) }
            }
        }
    }
}
