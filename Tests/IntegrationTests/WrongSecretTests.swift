import DoormanClient
import Foundation
import Logging
import TestKit
import Testing

@testable import DoormanDaemon

/// Our own wrong secret makes tokens unavailable, and rejects none.
@Suite("A wrong secret, end to end")
struct WrongSecretTests {
    private static let wrong = String(repeating: "f", count: 32)
    private static let failed = "error credential check failed"
    private static let misconfigured = "unavailable: PROVIDER_MISCONFIGURED"

    /// Runs a stack whose secret is in a file that `body` can write.
    private static func withSecretFile(
        holding secret: String,
        _ body: (Stack, _ write: (String) throws -> Void, _ lines: (_ prefix: String) -> [String]) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("app-secret")
            func write(_ secret: String) throws { try secret.write(to: file, atomically: true, encoding: .utf8) }
            try write(secret)
            let recorder = LogRecorder()
            try await Stack.run(
                settings: {
                    $0.accountKit.appSecretFile = file.path
                    $0.cache.ttl = .milliseconds(300)
                }, logger: Logger(label: "test", factory: { _ in recorder }),
                awaitsCredentials: secret == Stack.ours.secret
            ) { stack in
                try await body(stack, write) { prefix in recorder.lines.filter { $0.hasPrefix(prefix) } }
                #expect(!recorder.lines.joined().contains(wrong))
                #expect(!recorder.lines.joined().contains(Stack.ours.secret))
            }
        }
    }

    /// Reads the secret's file again, as a reload does.
    private static func reload(_ stack: Stack) throws {
        let component = stack.dependencies.providers.component
        try component.prepare(stack.settings).apply()
    }

    @Test("a server that starts with a wrong secret logs an error, and rejects no token")
    func start() async throws {
        try await Self.withSecretFile(holding: Self.wrong) { stack, write, lines in
            try await eventually("an error is logged") { lines(Self.failed).count == 1 }
            #expect(lines(Self.failed).first?.contains("application=\(Stack.ours.id)") == true)
            #expect(lines(Self.failed).first?.contains("files=\(stack.settings.accountKit.appSecretFile)") == true)
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let foreign = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            for token in [token, foreign] { #expect(await stack.verify(token) == Self.misconfigured) }
            try write(Stack.ours.secret)
            try Self.reload(stack)
            try await eventually("the secret is checked") { stack.dependencies.providers.hasWorkingCredentials }
            try await eventually("the recovery is logged") { lines("notice the application's credential works again").count == 1 }
            #expect(await stack.verify(token) == "OK")
            #expect(await stack.verify(foreign) == "rejected: PROOF_REJECTED")
        }
    }

    @Test("a server with a wrong application id rejects no token, and says that its credential does not work")
    func applicationID() async throws {
        let recorder = LogRecorder()
        try await Stack.run(
            settings: { $0.accountKit.applicationID = "123456" }, logger: Logger(label: "test", factory: { _ in recorder }),
            awaitsCredentials: false
        ) { stack in
            try await eventually("an error is logged") { recorder.lines.contains { $0.hasPrefix(Self.failed) } }
            let token = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(token) == Self.misconfigured)
            #expect(stack.dependencies.providers.credentials.map(\.isWorking) == [false])
            var right = stack.settings
            right.accountKit.applicationID = Stack.ours.id
            try stack.dependencies.providers.component.prepare(right).apply()
            try await eventually("the id is checked") { stack.dependencies.providers.hasWorkingCredentials }
            #expect(stack.dependencies.providers.credentials.map(\.isWorking) == [true])
            #expect(await stack.verify(token) == "OK")
        }
    }

    @Test("a reload with a wrong application id rejects no token, not even before its check has ended")
    func reloadedApplicationID() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(token) == "OK")
            let checks = stack.emulator.statistics[.accounts]
            stack.emulator.setFault(.hang, for: .accounts)
            var wrong = stack.settings
            wrong.accountKit.applicationID = "123456"
            try stack.dependencies.providers.component.prepare(wrong).apply()
            try await eventually("the check has begun") { stack.emulator.statistics[.accounts] > checks }
            #expect(await stack.verify(token) == Self.misconfigured)
        }
    }

    @Test("a server that starts in an outage does not blame the secret")
    func startInOutage() async throws {
        let recorder = LogRecorder()
        try await Stack.run(
            settings: { $0.accountKit.url = "http://127.0.0.1:1" }, logger: Logger(label: "test", factory: { _ in recorder }),
            awaitsCredentials: false
        ) { stack in
            try await eventually("a warning is logged") {
                recorder.lines.contains { $0.hasPrefix("warning the application's credential could not be checked") }
            }
            #expect(!recorder.lines.contains { $0.hasPrefix(Self.failed) })
            #expect(stack.dependencies.providers.credentials.isEmpty)
        }
    }

    @Test("a reload with a wrong secret rejects no token, known or unknown")
    func reload() async throws {
        try await Self.withSecretFile(holding: Stack.ours.secret) { stack, write, lines in
            let known = try stack.emulator.logIn(phone: "+15551234567")
            let unknown = try stack.emulator.logIn(phone: "+15557654321")
            #expect(await stack.verify(known) == "OK")
            try write(Self.wrong)
            try Self.reload(stack)
            try await eventually("an error is logged") { lines(Self.failed).count == 1 }
            try await eventually("the cached entry ends") { await stack.verify(known) == Self.misconfigured }
            #expect(await stack.verify(unknown) == Self.misconfigured)
            // The provider judges a token before its proof.
            #expect(await stack.verify("EMAWunknown") == "rejected: TOKEN_REJECTED")
            try write(Stack.ours.secret)
            try Self.reload(stack)
            for token in [known, unknown] { #expect(await stack.verify(token) == "OK") }
        }
    }

    @Test("a change of the secret at the provider rejects no token, known or unknown")
    func provider() async throws {
        try await Self.withSecretFile(holding: Stack.ours.secret) { stack, _, lines in
            let known = try stack.emulator.logIn(phone: "+15551234567")
            let unknown = try stack.emulator.logIn(phone: "+15557654321")
            #expect(await stack.verify(known) == "OK")
            try stack.emulator.changeSecret(to: Self.wrong)
            try await eventually("the cached entry ends") { await stack.verify(known) == Self.misconfigured }
            #expect(await stack.verify(unknown) != "rejected: PROOF_REJECTED")
            try await eventually("an error is logged") { lines(Self.failed).count == 1 }
            try stack.emulator.changeSecret(to: Stack.ours.secret)
            for token in [known, unknown] { #expect(await stack.verify(token) == "OK") }
        }
    }

    @Test("an outage during the check rejects no token")
    func outage() async throws {
        try await Self.withSecretFile(holding: Stack.ours.secret) { stack, _, _ in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            try stack.emulator.changeSecret(to: Self.wrong)
            stack.emulator.setFault(.badGateway, for: .accounts)
            #expect(await stack.verify(token) == Self.misconfigured)
        }
    }
}
