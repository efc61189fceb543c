import DoormanCore
import DoormanCrypto
import DoormanSupport
import TestKit
import Testing

@testable import JWTVerifier

/// An issuer that hangs while invented key ids arrive.
@Suite("Calls that wait for keys")
struct WaitersForKeysTests {
    private static let maximum = 10

    /// A scene whose keys are known, and whose issuer hangs from now on.
    private static func hanging() async throws -> Scene {
        let scene = try Scene(maximumWaitersForUnknownKeys: maximum)
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        scene.issuer.hold()
        scene.clock.advance(by: .seconds(31))
        return scene
    }

    private static func outcome(_ scene: Scene, _ token: Token, within time: Duration = .seconds(3600)) async -> String {
        do throws(VerificationError) {
            let verdict = try await scene.verifier.verify(
                VerificationRequest(token: token, applicationID: nil), deadline: Deadline(scene.clock.now.advanced(by: time)))
            guard case .rejected(let rejection) = verdict else { return "valid" }
            return "\(rejection.reason)"
        } catch {
            return "\(error.code)"
        }
    }

    /// Floods the scene with tokens of invented key ids, until no further call may wait.
    private static func flood(
        _ scene: Scene, _ name: String, within time: Duration = .seconds(3600)
    ) async throws -> [Task<String, Never>] {
        let requests = scene.issuer.requests.count
        let first = try Sample.token(id: "\(name)-0")
        var tasks = [Task { await outcome(scene, first, within: time) }]
        try await eventually("a fetch has begun") { scene.issuer.requests.count == requests + 1 }
        for index in 1..<maximum {
            let token = try Sample.token(id: "\(name)-\(index)")
            tasks.append(Task { await outcome(scene, token, within: time) })
        }
        try await eventually("all of them wait") { scene.verifier.keys.unknownKeyWaiterCount == maximum }
        return tasks
    }

    private static func outcomes(_ tasks: [Task<String, Never>]) async -> [String: Int] {
        var outcomes: [String: Int] = [:]
        for task in tasks { outcomes[await task.value, default: 0] += 1 }
        return outcomes
    }

    @Test("only so many invented key ids wait for a fetch, and tokens of known keys are valid all the time")
    func bounded() async throws {
        let scene = try await Self.hanging()
        let tasks = try await Self.flood(scene, "invented")
        let error = await #expect(throws: VerificationError.self) { try await scene.verify(Sample.token(id: "another")) }
        #expect(error?.code == .providerBusy)
        #expect(error?.retryAfter == .seconds(1))
        #expect(error?.message == "Too many calls wait for the issuer's keys.")
        #expect(error?.limit == nil, "the limit is no setting")
        for _ in 0..<50 { #expect(await Self.outcome(scene, try Sample.token()) == "valid") }
        scene.issuer.release()
        #expect(await Self.outcomes(tasks).values.reduce(0, +) == Self.maximum)
        #expect(scene.issuer.requests.count == 2)
    }

    @Test("a forged signature that can't be told from a new key is busy in the meantime, and never rejected")
    func forged() async throws {
        let scene = try await Self.hanging()
        let tasks = try await Self.flood(scene, "invented")
        #expect(await Self.outcome(scene, try Sample.token(key: TestKey.otherRSA.get())) == "providerBusy")
        scene.issuer.release()
        _ = await Self.outcomes(tasks)
        #expect(await Self.outcome(scene, try Sample.token(key: TestKey.otherRSA.get())) == "tokenRejected")
    }

    @Test("places are given back after a fetch, a failure, a deadline and a cancellation")
    func givenBack() async throws {
        let scene = try await Self.hanging()
        let fetched = try await Self.flood(scene, "fetched")
        scene.issuer.release()
        #expect(await Self.outcomes(fetched)["providerBusy"] == nil)

        scene.issuer.fail()
        scene.issuer.hold()
        scene.clock.advance(by: .seconds(31))
        let failed = try await Self.flood(scene, "failed")
        scene.issuer.release()
        #expect(await Self.outcomes(failed) == ["providerUnavailable": Self.maximum])

        scene.issuer.hold()
        scene.clock.advance(by: .seconds(31))
        let cancelled = try await Self.flood(scene, "cancelled")
        for task in cancelled { task.cancel() }
        #expect(await Self.outcomes(cancelled) == ["deadlineExceeded": Self.maximum])
        scene.issuer.release()
        try await eventually("the fetch ends") {
            await Self.outcome(scene, try Sample.token(id: "after")) == "providerUnavailable"
        }

        scene.issuer.hold()
        scene.clock.advance(by: .seconds(31))
        let late = try await Self.flood(scene, "late", within: .seconds(1))
        scene.clock.advance(by: .seconds(2))
        #expect(await Self.outcomes(late) == ["deadlineExceeded": Self.maximum])
        let again = Task { await Self.outcome(scene, try Sample.token(id: "again")) }
        scene.issuer.release()
        #expect(try await again.value == "providerUnavailable")
    }

    @Test("the first keys are waited for by more calls")
    func firstKeys() async throws {
        let scene = try Scene(maximumWaitersForUnknownKeys: 1)
        scene.issuer.hold()
        let token = try Sample.token()
        let tasks = (0..<50).map { _ in Task { await Self.outcome(scene, token) } }
        try await eventually("a fetch has begun") { scene.issuer.requests.count == 1 }
        scene.issuer.release()
        #expect(await Self.outcomes(tasks) == ["valid": 50])
    }
}
