import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import TestKit
import Testing

/// Providers that hang beside providers that respond.
@Suite("Permits of lookups")
struct LookupPermitsTests {
    /// Lookups that wait until they are released.
    private final class Lookups: Sendable {
        let permits: LookupPermits
        private let isHeld = NIOLockedValueBox(true)

        init(_ maximum: Int) {
            permits = LookupPermits(LookupPermits.Limit(setting: "cache.max-in-flight-lookups", maximum: maximum))
        }

        func release() { isHeld.withLockedValue { $0 = false } }

        /// Begins lookups of a provider until it has no further permit.
        ///
        /// - Returns: The lookups that hang.
        func exhaust(_ provider: String) async -> [Task<Void, any Error>] {
            var tasks: [Task<Void, any Error>] = []
            while await begin(provider, &tasks) {}
            return tasks
        }

        private func begin(_ provider: String, _ tasks: inout [Task<Void, any Error>]) async -> Bool {
            let began = NIOLockedValueBox(Bool?.none)
            tasks.append(
                Task {
                    do throws(VerificationError) {
                        try await permits.perform(for: provider) { () async throws(VerificationError) in
                            began.withLockedValue { $0 = true }
                            while isHeld.withLockedValue({ $0 }), !Task.isCancelled { await Task.yield() }
                        }
                    } catch {
                        began.withLockedValue { $0 = false }
                    }
                })
            while true {
                if let began = began.withLockedValue({ $0 }) {
                    if !began { tasks.removeLast() }
                    return began
                }
                await Task.yield()
            }
        }
    }

    @Test(
        "a provider that hangs takes half of the lookups, and leaves the other half to the others", arguments: [1, 2, 3, 10, 101])
    func half(maximum: Int) async throws {
        let lookups = Lookups(maximum)
        let hanging = await lookups.exhaust("one")
        #expect(hanging.count == (maximum + 1) / 2)
        if maximum > 1 {
            for _ in 0..<50 { try await lookups.permits.perform(for: "two") { () async throws(VerificationError) in } }
        }
        lookups.release()
        for task in hanging { try await task.value }
        #expect(lookups.permits.inFlightCount == 0)
    }

    @Test("several providers that hang leave a part to the others")
    func several() async throws {
        let lookups = Lookups(64)
        var hanging: [Task<Void, any Error>] = []
        for provider in ["one", "two", "three", "four"] { hanging += await lookups.exhaust(provider) }
        #expect(hanging.count < 64)
        try await lookups.permits.perform(for: "five") { () async throws(VerificationError) in }
        lookups.release()
        for task in hanging { try await task.value }
    }

    @Test("the error names the setting and a time, and says that no request was sent")
    func error() async throws {
        let lookups = Lookups(2)
        let hanging = await lookups.exhaust("one")
        let error = await #expect(throws: VerificationError.self) {
            try await lookups.permits.perform(for: "one") { () async throws(VerificationError) in }
        }
        #expect(error?.code == .providerBusy)
        #expect(error?.limit == "cache.max-in-flight-lookups")
        #expect(error?.message.contains("cache.max-in-flight-lookups") == true)
        #expect(error?.retryAfter == .milliseconds(100))
        #expect(error?.request == .notSent)
        lookups.release()
        for task in hanging { try await task.value }
    }

    @Test("a permit is given back after success, error, time-out and cancellation")
    func givenBack() async throws {
        let permits = Lookups(1).permits
        #expect(try await permits.perform(for: "one") { () async throws(VerificationError) in 7 } == 7)
        for code in [.providerUnavailable, .deadlineExceeded] as [VerificationError.Code] {
            let error = await #expect(throws: VerificationError.self) {
                try await permits.perform(for: "one") { () async throws(VerificationError) in
                    #expect(permits.inFlightCount == 1)
                    throw VerificationError(code, "It failed.")
                }
            }
            #expect(error?.code == code)
        }
        let lookups = Lookups(10)
        let hanging = await lookups.exhaust("one")
        for task in hanging { task.cancel() }
        for task in hanging { try await task.value }
        #expect(permits.inFlightCount == 0)
        #expect(lookups.permits.inFlightCount == 0)
    }

    // MARK: - Routers

    private static func verify(_ provider: some TokenProvider, _ token: String, provider name: String? = nil) async -> String {
        do throws(VerificationError) {
            let request = VerificationRequest(token: Token(token), requirements: TokenRequirements(provider: name))
            switch try await provider.verify(request, deadline: Sample.deadline()) {
            case .valid: return "valid"
            case .rejected(let rejection): return "rejected \(rejection.reason)"
            case .forbidden: return "forbidden"
            }
        } catch {
            return "failed \(error.code)"
        }
    }

    @Test("an issuer that hangs has its permits, and another issuer has others")
    func issuers() async throws {
        let permits = LookupPermits(LookupPermits.Limit(setting: "cache.max-in-flight-lookups", maximum: 8))
        let (hanging, responding) = (ScriptedProvider(), ScriptedProvider())
        hanging.verifications.answerByHand()
        responding.verifications.answerAlways(.success(.rejected(Rejection(.tokenRejected, "No such token."))))
        let pools = [("one", hanging), ("two", responding)].map { name, provider in
            var pool = ProviderRouter.Pool(
                names: [name], pattern: .issuer(name), operations: [], seesNoRevocation: false, provider: provider)
            pool.lookupPermits = permits
            return pool
        }
        let router = ProviderRouter(pools) { token in
            String(decoding: token.bytes, as: UTF8.self).split(separator: " ").first.map(String.init)
        }
        let tasks = (0..<20).map { index in Task { await Self.verify(router, "one \(index)") } }
        try await eventually("the first has its part") { hanging.verifications.count == 4 && permits.inFlightCount == 4 }
        for index in 0..<20 { #expect(await Self.verify(router, "two \(index)") == "rejected tokenRejected") }
        #expect(await Self.verify(router, "one more") == "failed providerBusy")
        for _ in 0..<4 {
            try await hanging.verifications.answerNext(.failure(VerificationError(.deadlineExceeded, "Too late.")))
        }
        var outcomes: [String: Int] = [:]
        for task in tasks { outcomes[await task.value, default: 0] += 1 }
        #expect(outcomes == ["failed providerBusy": 16, "failed deadlineExceeded": 4])
        #expect(permits.inFlightCount == 0)
    }

    @Test("a check of a credential that hangs counts, too, and leaves the other application's tokens alone")
    func credentialChecks() async throws {
        let permits = LookupPermits(LookupPermits.Limit(setting: "cache.max-in-flight-lookups", maximum: 8))
        let credentials = ScriptedCredentials(["1a": .proofRejected, "2a": .valid])
        let router = credentials.router("1a 2a", lookupPermits: permits)
        func verify(_ token: String, _ provider: String) async -> String { await Self.verify(router, token, provider: provider) }
        credentials.holdChecks(true)
        let hanging = (0..<20).map { index in Task { await verify("hanging \(index)", "provider1") } }
        try await eventually("lookups wait for the check") { permits.inFlightCount == 4 }
        for index in 0..<20 { #expect(await verify("good \(index)", "provider2") == "valid") }
        credentials.holdChecks(false)
        for task in hanging { _ = await task.value }
        #expect(permits.inFlightCount == 0)
    }
}
