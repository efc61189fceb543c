import DoormanCache
import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import TestKit
import Testing

@Suite("A provider that hangs beside others")
struct ProviderIsolationTests {
    /// A cache in front of two issuers: `one`, which hangs, and `two`, which responds. A token is the issuer and a number.
    private struct Scene {
        let hanging = ScriptedProvider()
        let responding = ScriptedProvider()
        let permits = LookupPermits(LookupPermits.Limit(setting: "cache.max-in-flight-lookups", maximum: 20))
        let clock = SteppedClock()
        let verifier: CachingVerifier
        /// The number of calls that have ended.
        let ended = NIOLockedValueBox(0)

        init() throws {
            hanging.verifications.answerByHand()
            responding.verifications.answerAlways(.success(.valid(.sample())))
            let pools = [("one", hanging), ("two", responding)].map { [permits] name, provider in
                var pool = ProviderRouter.Pool(
                    names: [name], pattern: .issuer(name), operations: [], seesNoRevocation: false, provider: provider)
                pool.lookupPermits = permits
                return pool
            }
            var settings = CacheSettings()
            settings.maximumInFlightLookups = 20
            verifier = try CachingVerifier(
                provider: ProviderRouter(pools) { String(decoding: $0.bytes.prefix(3), as: UTF8.self) }, settings: settings,
                timeSource: clock.timeSource, coding: VerdictCoding(encode: encodeForTests))
        }

        func verify(_ token: String) async -> String {
            defer { ended.withLockedValue { $0 += 1 } }
            do throws(VerificationError) {
                let request = VerificationRequest(token: Token(token), applicationID: nil)
                let verdict = try await verifier.verify(request, deadline: Deadline(clock.now.advanced(by: .seconds(3600))))
                return verdict.identity == nil ? "rejected" : "valid"
            } catch {
                return "\(error.code) \(error.limit ?? "")"
            }
        }
    }

    @Test("an issuer that hangs under a flood of new tokens does not starve the other issuer")
    func flood() async throws {
        let scene = try Scene()
        let flood = (0..<100).map { index in Task { await scene.verify("one \(index)") } }
        try await eventually("the flood has its part, and the rest of it has failed") {
            scene.hanging.verifications.count == 10 && scene.ended.withLockedValue { $0 } == 90
        }
        #expect(scene.verifier.statistics.inFlightLookups == 10)
        for index in 0..<100 { #expect(await scene.verify("two \(index)") == "valid") }
        #expect(scene.verifier.statistics.inFlightLookups == 10)
        for _ in 0..<10 {
            try await scene.hanging.verifications.answerNext(.failure(VerificationError(.providerUnavailable, "It is down.")))
        }
        var outcomes: [String: Int] = [:]
        for task in flood { outcomes[await task.value, default: 0] += 1 }
        #expect(outcomes == ["providerBusy cache.max-in-flight-lookups": 90, "providerUnavailable ": 10])
        #expect(scene.permits.inFlightCount == 0)
    }

    @Test("an entry is served stale if its provider has too many lookups in flight")
    func stale() async throws {
        let scene = try Scene()
        scene.hanging.verifications.answerAlways(.success(.valid(.sample())))
        #expect(await scene.verify("one known") == "valid")
        scene.hanging.verifications.answerByHand()
        let flood = (0..<20).map { index in Task { await scene.verify("one \(index)") } }
        try await eventually("the flood has its part, and the rest of it has failed") {
            scene.permits.inFlightCount == 10 && scene.ended.withLockedValue { $0 } == 11
        }
        scene.clock.advance(by: .seconds(61))
        #expect(await scene.verify("one known") == "valid")
        // Lookups of the flood may have ended by now, so that the known token got a request of its own.
        scene.hanging.verifications.answerAlways(.success(.rejectedToken))
        scene.hanging.verifications.release()
        for task in flood { _ = await task.value }
    }
}
