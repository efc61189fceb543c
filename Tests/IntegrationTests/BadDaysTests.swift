import AccountKitEmulator
import DoormanClient
import DoormanSupport
import DoormanWire
import Foundation
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanDaemon

/// Overload and outage over real sockets in real time. `DOORMAN_FULL_DAYS=1` runs them at full size, which takes minutes and needs a
/// release build. The simulation has the same scenarios in virtual time.
@Suite("Overload and outage over sockets")
struct BadDaysTests {
    private static let isFullSize = ProcessInfo.processInfo.environment["DOORMAN_FULL_DAYS"] != nil

    private static var socketPath: String { "/tmp/doorman-bad-days-\(getpid())-\(UInt32.random(in: .min ... .max)).sock" }

    @Test("one caller's flood of bad tokens does not affect another caller")
    func flood() async throws {
        let badPerSecond = Self.isFullSize ? 50_000 : 2_000
        let goodTokens = Self.isFullSize ? 10_000 : 300
        let seconds = Self.isFullSize ? 30 : 3
        let path = Self.socketPath
        try await Stack.run(
            settings: { settings in
                settings.unixSocket = path
                settings.cacheMissLimiter.burst = 100
            },
            { stack in
                // Good tokens come through the Unix socket, bad tokens over TCP: two callers.
                var patient = DoormanClientConfiguration()
                patient.timeout = .seconds(20)
                let good = DoormanClient(target: .unixSocket(path: path), configuration: patient)
                let tokens = try (0..<goodTokens).map { try stack.emulator.logIn(phone: "+1555\(1_000_000 + $0)") }
                for token in tokens { try await verifyPatiently(token, good) }
                stack.emulator.resetStatistics()
                let counters = Counters()
                let began = ContinuousClock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Self.flood(stack.port, perSecond: badPerSecond, seconds: seconds) }
                    for worker in 0..<4 {
                        group.addTask {
                            await Self.load(good, tokens, perSecond: 250, seconds: seconds, seed: worker, counters)
                        }
                    }
                    try await group.waitForAll()
                }
                let elapsed = (ContinuousClock.now - began) / .seconds(1)
                await good.close()
                let calls = stack.providerRequests
                let governor = stack.settings.governor
                print("flood:", counters.counts, "bad:", badPerSecond * seconds, "in", elapsed, "s, provider calls:", calls)
                #expect(counters.failures == 0)
                #expect(counters.hitRate > 0.99)
                #expect(Double(calls) <= Double(governor.callsBurst) + Double(governor.callsPerSecond) * (elapsed + 1))
            })
    }

    @Test(
        "an outage of the provider fails no call with a good token",
        arguments: [Fault.serviceUnavailable, .hang])
    func outage(fault: Fault) async throws {
        let tokenCount = Self.isFullSize ? 2_000 : 100
        let seconds = Self.isFullSize ? 60 : 4
        try await Stack.run(
            settings: { settings in
                settings.cache.ttl = Self.isFullSize ? .seconds(20) : .seconds(1)
                settings.governor.circuitBreaker.consecutiveFailures = 5
                // The cache misses of each token without an outage.
                settings.cacheMissLimiter.burst = tokenCount + 100
                settings.cacheMissLimiter.perSecond = tokenCount
            },
            { stack in
                let tokens = try (0..<tokenCount).map { try stack.emulator.logIn(phone: "+1555\(1_000_000 + $0)") }
                for token in tokens { try await verifyPatiently(token, stack.client) }
                stack.emulator.setFault(fault, for: .me)
                stack.emulator.resetStatistics()
                let during = Counters()
                await Self.load(stack.client, tokens, perSecond: 500, seconds: seconds, seed: 1, during)
                let callsDuring = stack.providerRequests
                stack.emulator.clearFaults()
                stack.emulator.resetStatistics()
                let first = Counters()
                let began = ContinuousClock.now
                await Self.load(stack.client, tokens, perSecond: 500, seconds: 1, seed: 2, first)
                let callsAfter = stack.providerRequests
                let elapsed = (ContinuousClock.now - began) / .seconds(1)
                let after = Counters()
                try await eventually("no stale responses", within: .seconds(60)) {
                    let now = Counters()
                    await Self.load(stack.client, tokens, perSecond: 500, seconds: 1, seed: 3, now)
                    after.add(now)
                    return now.counts[.stale] == nil
                }
                print("outage:", fault, during.counts, "calls:", callsDuring, "after:", first.counts, "calls:", callsAfter)
                #expect(during.failures + first.failures + after.failures == 0)
                #expect(during.counts[.stale, default: 0] > 0)
                let governor = stack.settings.governor
                #expect(Double(callsAfter) <= Double(governor.callsBurst) + Double(governor.callsPerSecond) * elapsed)
            })
    }

    @Test("the concurrency limit determines the time of a cold start")
    func coldStart() async throws {
        let tokenCount = Self.isFullSize ? 10_000 : 640
        let concurrency = 64
        try await Stack.run(
            settings: { settings in
                settings.governor.concurrentCalls = concurrency
                settings.governor.callsPerSecond = 1_000_000
                settings.governor.callsBurst = 1_000_000
                settings.cacheMissLimiter.burst = 1_000_000
                settings.server.connection.maximumCallsInFlight = tokenCount
                settings.server.connection.maximumCallTimeout = .seconds(300)
                settings.cache.lookupTimeout = .seconds(300)
                settings.transport.requestTimeout = .seconds(60)
            },
            client: { client in
                client.maximumCallsInFlight = tokenCount
                client.timeout = .seconds(300)
            },
            { stack in
                let tokens = try (0..<tokenCount).map { try stack.emulator.logIn(phone: "+1555\(1_000_000 + $0)") }
                stack.emulator.setFault(.latency(.milliseconds(300)), for: .me)
                let began = ContinuousClock.now
                async let calls = withTaskGroup(of: Bool.self) { group in
                    for token in tokens { group.addTask { await stack.verify(token) == "OK" } }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                let governor = try #require(stack.dependencies.providers.governedProviders.first).governor
                try await eventually("every slot is used") { governor.statistics.freeSlots == 0 }
                let verified = await calls
                let elapsed = (ContinuousClock.now - began) / .seconds(1)
                let predicted = Double(tokenCount) / Double(concurrency) * 0.3
                print("cold start:", verified, "in", elapsed, "s, predicted", predicted)
                #expect(verified == tokenCount)
                #expect(stack.providerRequests == tokenCount)
                #expect(elapsed >= predicted * 0.99)
                // A small run says nothing about the time: a busy machine has the most part in it.
                if Self.isFullSize { #expect(elapsed < predicted * 1.2) }
            })
    }

    // MARK: - Load

    private final class Counters: Sendable {
        private let state = NIOLockedValueBox<(counts: [Freshness: Int], failures: Int)>(([:], 0))

        var counts: [Freshness: Int] { state.withLockedValue { $0.counts } }
        var failures: Int { state.withLockedValue { $0.failures } }

        /// The cache hit ratio.
        var hitRate: Double {
            let (counts, failures) = state.withLockedValue { $0 }
            let calls = counts.values.reduce(0, +) + failures
            return 1 - Double(counts[.fresh, default: 0] + failures) / Double(max(calls, 1))
        }

        func count(_ freshness: Freshness?) {
            state.withLockedValue { state in
                if let freshness { state.counts[freshness, default: 0] += 1 } else { state.failures += 1 }
            }
        }

        func add(_ other: Counters) {
            let (counts, failures) = other.state.withLockedValue { $0 }
            state.withLockedValue { state in
                state.counts.merge(counts, uniquingKeysWith: +)
                state.failures += failures
            }
        }
    }

    /// Verifies the tokens repeatedly at a steady rate, without waiting for earlier calls.
    private static func load(
        _ client: DoormanClient, _ tokens: [String], perSecond: Int, seconds: Int, seed: Int, _ counters: Counters
    ) async {
        await withTaskGroup(of: Void.self) { group in
            let began = ContinuousClock.now
            for number in 0..<(perSecond * seconds) {
                try? await Task.sleep(until: began + .microseconds(Int64(number * 1_000_000 / perSecond)), clock: .continuous)
                let token = tokens[(number * 7919 + seed * 104_729) % tokens.count]
                group.addTask { counters.count(try? await client.verify(token).freshness) }
            }
        }
    }

    /// Sends calls with distinct unknown tokens and reads all responses.
    private static func flood(_ port: Int, perSecond: Int, seconds: Int) async throws {
        let peer = try RawPeer.connect(port: port)
        let batches = seconds * 100
        let perBatch = perSecond / 100
        let reader = Task { try await peer.readUntilEnd(within: .seconds(120)) }
        let began = ContinuousClock.now
        var number = 0
        for batch in 0..<batches {
            var bytes: [UInt8] = []
            for _ in 0..<perBatch {
                let digits = String(1_000_000_000 + number)
                let token = "EMAW" + String(repeating: "b", count: 152) + digits
                let data = try RequestEncoder.encode(VerificationRequest(token: Token(token)), timeout: nil)
                bytes += RawFrame(streamID: UInt32(2 * number + 1), type: 1, data: data).bytes
                number += 1
            }
            try await peer.send(bytes, within: .seconds(60))
            try? await Task.sleep(until: began + .milliseconds(10 * (batch + 1)), clock: .continuous)
        }
        try peer.halfClose()
        let responses = try await reader.value
        // Each frame begins with the length of its data, which follows the header of 10 bytes.
        var received = 0
        var position = 0
        while position + 10 <= responses.count {
            let length = responses[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) }
            position += 10 + length
            received += 1
        }
        #expect(received == number)
    }
}

/// Verifies a token until it succeeds, to fill the cache before the load begins.
private func verifyPatiently(_ token: String, _ client: DoormanClient) async throws {
    try await eventually("a verdict", within: .seconds(60)) { (try? await client.verify(token)) != nil }
}
