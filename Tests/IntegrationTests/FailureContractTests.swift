import AccountKitEmulator
import DoormanClient
import TestKit
import Testing

@testable import DoormanDaemon

/// Every way in which the provider fails, as a client sees it at the other end of the chain.
@Suite("What a client sees of the provider's failures")
struct FailureContractTests {
    struct Row: Sendable, CustomStringConvertible {
        let fault: Fault
        let outcome: String
        /// Whether the refusal is remembered.
        var isCached = false

        var description: String { "\(fault) → \(outcome)" }
    }

    @Test(
        "each gets its row, and nothing but a refusal by the provider is remembered",
        arguments: [
            Row(fault: .serviceUnavailable, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .unknownError, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .throttled, outcome: "unavailable: PROVIDER_BUSY"),
            Row(fault: .tooManyRequests(retryAfterSeconds: 1), outcome: "unavailable: PROVIDER_BUSY"),
            Row(fault: .bareTooManyRequests(retryAfterSeconds: 1), outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .badGateway, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .errorDataList, outcome: "refused: TOKEN_REJECTED", isCached: true),
            Row(fault: .applicationMissing, outcome: "refused: WRONG_APPLICATION", isCached: true),
            Row(fault: .applicationForeign, outcome: "refused: WRONG_APPLICATION", isCached: true),
            Row(fault: .applicationNumeric, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .noContact, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .wrongContentType, outcome: "OK"),
            Row(fault: .emptyBody, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .truncatedJSON, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .oversizedBody(bytes: 10_000_000), outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .reset, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .hang, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .slowHeaders(pause: .milliseconds(200)), outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .slowBody(pause: .milliseconds(200)), outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .chunked, outcome: "OK"),
        ])
    func rows(row: Row) async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(row.fault, for: .me)
            #expect(await stack.verify(token) == row.outcome)
            stack.emulator.clearFaults()
            guard row.outcome != "OK" else { return }
            if row.isCached {
                #expect(await stack.verify(token) == row.outcome)
            } else {
                // A throttled provider is left alone for a while; after that the token is as good as it ever was.
                try await eventually("the token is accepted") { await stack.verify(token) == "OK" }
            }
        }
    }

    @Test("a token of another application is refused, with the proof or without")
    func foreignToken() async throws {
        try await Stack.run { stack in
            let foreign = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            #expect(await stack.verify(foreign) == "refused: PROOF_REJECTED")
        }
        try await Stack.run(settings: { $0.appSecretFile = "" }) { stack in
            let foreign = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            #expect(await stack.verify(foreign) == "refused: WRONG_APPLICATION")
            // Ours needs a proof, which is our misconfiguration and never the token's fault.
            let ours = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(ours) == "unavailable: PROVIDER_MISCONFIGURED")
        }
    }

    @Test("a provider that says our allowance is nearly used up is believed: it is left alone for a while, and hits go on")
    func allowance() async throws {
        try await Stack.run { stack in
            let known = try stack.emulator.logIn(phone: "+15551234567")
            let unknown = try stack.emulator.logIn(phone: "+15557654321")
            stack.emulator.setFault(.appUsage(AppUsageHeader(callCount: 97)), for: .me)
            #expect(await stack.verify(known) == "OK", "the answer that says so is as good as any")
            #expect(await stack.verify(unknown) == "unavailable: PROVIDER_BUSY")
            #expect(await stack.verify(known) == "OK")
            #expect(stack.providerRequests == 1)
            stack.emulator.clearFaults()
            try await eventually("it is asked again") { await stack.verify(unknown) == "OK" }
        }
    }

    @Test("an answer that makes no sense for one account, again and again, does not keep others from being judged")
    func oddAccount() async throws {
        try await Stack.run(settings: { $0.governor.circuitBreaker.consecutiveFailures = 3 }) { stack in
            let odd = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(.noContact, for: .me)
            for _ in 0..<10 { #expect(await stack.verify(odd) == "unavailable: PROVIDER_UNAVAILABLE") }
            stack.emulator.clearFaults()
            let other = try stack.emulator.logIn(phone: "+15557654321")
            #expect(await stack.verify(other) == "OK")
        }
    }

    @Test("a provider that fails again and again is left alone by the breaker, and found well by a probe")
    func breaker() async throws {
        try await Stack.run(settings: { $0.governor.circuitBreaker.consecutiveFailures = 3 }) { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(.badGateway, for: .me)
            for _ in 0..<20 { #expect(await stack.verify(token) == "unavailable: PROVIDER_UNAVAILABLE") }
            #expect(stack.providerRequests <= 5)
            stack.emulator.clearFaults()
            try await eventually("a probe finds it well") { await stack.verify(token) == "OK" }
        }
    }

    @Test(
        "what can't be a user token is refused without asking",
        arguments: [
            "", "AA|5432154321543210|secret", "EAACEdEose0cBA", "AQDsomecode", "EMAW with spaces",
            String(repeating: "E", count: 2000),
        ])
    func malformed(token: String) async throws {
        try await Stack.run { stack in
            #expect(await stack.verify(token) == "refused: MALFORMED_TOKEN")
            #expect(stack.emulator.statistics.total == 0)
        }
    }

    @Test("a provider that is gone refuses nobody, and hits go on")
    func providerGone() async throws {
        try await Stack.run { stack in
            let remembered = try stack.emulator.logIn(phone: "+15551234567")
            let unknown = try stack.emulator.logIn(phone: "+15557654321")
            #expect(await stack.verify(remembered) == "OK")
            try await stack.emulator.stop()
            #expect(await stack.verify(unknown) == "unavailable: PROVIDER_UNAVAILABLE")
            #expect(await stack.verify(remembered) == "OK")
        }
    }

    @Test("a server that is gone refuses nobody")
    func serverGone() async throws {
        try await Stack.run { stack in
            await stack.server.stop()
            #expect(await stack.verify("EMAWsomething", timeout: .milliseconds(500)).hasPrefix("unavailable: "))
        }
    }
}
