import AccountKitEmulator
import DoormanClient
import TestKit
import Testing

@testable import DoormanDaemon

/// The provider's failures as a client sees them at the other end of the chain.
@Suite("The provider's failures, end to end")
struct FailureContractTests {
    struct Row: Sendable, CustomStringConvertible {
        let fault: Fault
        let outcome: String
        /// Whether the rejection is cached.
        var isCached = false

        var description: String { "\(fault) → \(outcome)" }
    }

    @Test(
        "each failure has its row of the contract",
        arguments: [
            Row(fault: .serviceUnavailable, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .unknownError, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .throttled, outcome: "unavailable: PROVIDER_BUSY"),
            Row(fault: .tooManyRequests(retryAfterSeconds: 1), outcome: "unavailable: PROVIDER_BUSY"),
            Row(fault: .bareTooManyRequests(retryAfterSeconds: 1), outcome: "unavailable: PROVIDER_BUSY"),
            Row(fault: .badGateway, outcome: "unavailable: PROVIDER_UNAVAILABLE"),
            Row(fault: .errorDataList, outcome: "rejected: TOKEN_REJECTED", isCached: true),
            Row(fault: .applicationMissing, outcome: "rejected: WRONG_APPLICATION", isCached: true),
            Row(fault: .applicationForeign, outcome: "rejected: WRONG_APPLICATION", isCached: true),
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
                // Provider requests stop during a throttle back-off. After it the token is valid.
                try await eventually("the token is accepted") { await stack.verify(token) == "OK" }
            }
        }
    }

    @Test("a token of another application is rejected")
    func foreignToken() async throws {
        try await Stack.run { stack in
            let foreign = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            #expect(await stack.verify(foreign) == "rejected: PROOF_REJECTED")
        }
        try await Stack.run(settings: { $0.accountKit.appSecretFile = "" }) { stack in
            let foreign = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            #expect(await stack.verify(foreign) == "rejected: WRONG_APPLICATION")
            // Our application requires a proof. A missing proof is our misconfiguration and never the token's fault.
            let ours = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(ours) == "unavailable: PROVIDER_MISCONFIGURED")
        }
    }

    @Test("provider requests stop when the app usage is near its limit")
    func allowance() async throws {
        // Long enough for the next call.
        try await Stack.run(settings: { $0.governor.throttleBackOff = .seconds(3) }) { stack in
            let known = try stack.emulator.logIn(phone: "+15551234567")
            let unknown = try stack.emulator.logIn(phone: "+15557654321")
            stack.emulator.setFault(.appUsage(AppUsageHeader(callCount: 97)), for: .me)
            #expect(await stack.verify(known) == "OK", "the response that reports the usage is valid")
            #expect(await stack.verify(unknown) == "unavailable: PROVIDER_BUSY")
            #expect(await stack.verify(known) == "OK")
            #expect(stack.providerRequests == 1)
            stack.emulator.clearFaults()
            try await eventually("provider requests resume") { await stack.verify(unknown) == "OK" }
        }
    }

    @Test("malformed responses about one account do not affect other accounts")
    func malformedAccount() async throws {
        try await Stack.run(settings: { $0.governor.circuitBreaker.consecutiveFailures = 3 }) { stack in
            let malformed = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(.noContact, for: .me)
            for _ in 0..<10 { #expect(await stack.verify(malformed) == "unavailable: PROVIDER_UNAVAILABLE") }
            stack.emulator.clearFaults()
            let other = try stack.emulator.logIn(phone: "+15557654321")
            #expect(await stack.verify(other) == "OK")
        }
    }

    /// In this order: an HTTP 500, code 1, the HTML of a firewall, a body that is too long, and JSON of the wrong shape.
    @Test(
        "a token with odd responses makes requests once a second, whatever a caller sends",
        arguments: [.serviceUnavailable, .unknownError, .badGateway, .oversizedBody(bytes: 70_000), .noContact] as [Fault])
    func oneOddToken(fault: Fault) async throws {
        try await Stack.run { stack in
            let odd = try stack.emulator.logIn(phone: "+15551234567")
            let other = try stack.emulator.logIn(phone: "+15557654321")
            stack.emulator.setFault(fault, for: .me)
            let start = ContinuousClock.now
            for _ in 0..<50 { #expect(await stack.verify(odd) == "unavailable: PROVIDER_UNAVAILABLE") }
            // A failed request is retried once.
            #expect(Double(stack.providerRequests) <= 2 * (1 + start.duration(to: .now) / .seconds(1)))
            stack.emulator.clearFaults()
            #expect(await stack.verify(other) == "OK")
            try await eventually("the second is over") { await stack.verify(odd) == "OK" }
        }
    }

    @Test("repeated failures open the circuit breaker until a probe succeeds")
    func breaker() async throws {
        try await Stack.run(settings: { $0.governor.circuitBreaker.consecutiveFailures = 3 }) { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            stack.emulator.setFault(.badGateway, for: .me)
            for number in 0..<20 { #expect(await stack.verify("EMAWnobodys\(number)") == "unavailable: PROVIDER_UNAVAILABLE") }
            #expect(stack.providerRequests <= 5)
            stack.emulator.clearFaults()
            try await eventually("a probe succeeds") { await stack.verify(token) == "OK" }
        }
    }

    @Test(
        "a malformed token is rejected without a provider request",
        arguments: [
            "", "AA|5432154321543210|secret", "EAACEdEose0cBA", "AQDsomecode", "EMAW with spaces",
            String(repeating: "E", count: 2000),
        ])
    func malformed(token: String) async throws {
        try await Stack.run { stack in
            #expect(await stack.verify(token) == "rejected: MALFORMED_TOKEN")
            #expect(stack.requestsOfCalls == 0)
        }
    }

    @Test("an unreachable provider is not a rejection")
    func providerGone() async throws {
        try await Stack.run { stack in
            let cached = try stack.emulator.logIn(phone: "+15551234567")
            let unknown = try stack.emulator.logIn(phone: "+15557654321")
            #expect(await stack.verify(cached) == "OK")
            try await stack.emulator.stop()
            #expect(await stack.verify(unknown) == "unavailable: PROVIDER_UNAVAILABLE")
            #expect(await stack.verify(cached) == "OK")
        }
    }

    @Test("an unreachable server is not a rejection")
    func serverGone() async throws {
        try await Stack.run { stack in
            await stack.server.stop()
            #expect(await stack.verify("EMAWsomething", timeout: .milliseconds(500)).hasPrefix("unavailable: "))
        }
    }
}
