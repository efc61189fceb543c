import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("Memory of tokens that fail alone")
struct FailedTokensTests {
    /// The failure of a response that says nothing about the token's validity.
    private static let odd = VerificationError(.providerUnavailable, "odd", request: .responded)

    private func scene() -> GovernedScene { GovernedScene { $0.retryBurst = 0 } }

    @Test(
        "after an odd response about a token, calls about it get the same failure for a second without a request",
        arguments: [VerificationError.Scope.provider, .request])
    func remembered(scope: VerificationError.Scope) async {
        let scene = scene()
        scene.provider.script { .failure(VerificationError(.providerUnavailable, "odd", scope: scope, request: .responded)) }
        #expect(await scene.verify("bad").error?.retryAfter == nil)
        scene.provider.script { .success(.rejectedToken) }
        scene.clock.advance(by: .milliseconds(300))
        for _ in 0..<100 {
            let error = await scene.verify("bad").error
            #expect(error?.code == .providerUnavailable)
            #expect(error?.message == "odd")
            #expect(error?.scope == scope)
            #expect(error?.retryAfter == .milliseconds(700))
        }
        #expect(scene.provider.verifyCount == 1)
        // Another token is not affected.
        #expect(await scene.verify("other") == .success(.rejectedToken))
        // A failure without a request does not prolong the second.
        scene.clock.advance(by: .milliseconds(700))
        #expect(await scene.verify("bad") == .success(.rejectedToken))
        #expect(scene.provider.verifyCount == 3)
    }

    @Test("a good token above one of our limits is remembered, without a time to come back")
    func exceeding() async {
        let scene = scene()
        let error = VerificationError(.providerMisconfigured, "too long", scope: .request, request: .responded)
        scene.provider.script { .failure(error) }
        #expect(await scene.verify("bad").error == error)
        let again = await scene.verify("bad").error
        #expect(again?.code == .providerMisconfigured && again?.retryAfter == nil)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test(
        "an error that may not be the token's own is not remembered",
        arguments: [
            .unavailable, VerificationError(.providerUnavailable, "no", scope: .credential, request: .responded),
            VerificationError(.providerMisconfigured, "no", request: .responded), VerificationError(.deadlineExceeded, "no"),
        ])
    func otherErrors(error: VerificationError) async {
        let scene = scene()
        scene.provider.script { .failure(error) }
        #expect(await scene.verify().error == error)
        scene.provider.script { .success(.rejectedToken) }
        #expect(await scene.verify() == .success(.rejectedToken))
    }

    @Test("a call that is retried with success remembers nothing")
    func retried() async throws {
        let scene = GovernedScene()
        let call = scene.start()
        try await scene.provider.respondNext(.failure(Self.odd))
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await call.value == .success(.rejectedToken))
        scene.provider.script { .success(.rejectedToken) }
        #expect(await scene.verify() == .success(.rejectedToken))
    }

    @Test("the failure of a retry is remembered")
    func failedRetry() async {
        let scene = GovernedScene()
        scene.provider.script { .failure(Self.odd) }
        for _ in 0..<5 { #expect(await scene.verify().error?.message == "odd") }
        #expect(scene.provider.verifyCount == 2)
    }

    @Test("a success of the token ends the memory")
    func success() async throws {
        let scene = scene()
        let calls = [scene.start(), scene.start()]
        try await eventually("both requests are sent") { scene.provider.verifyCount == 2 }
        try await scene.provider.respondNext(.failure(Self.odd))
        try await eventually("the failure is remembered") { scene.governor.recentFailure(of: Token("EMAW").hashValue) != nil }
        try await scene.provider.respondNext(.success(.rejectedToken))
        for call in calls { _ = await call.value }
        scene.provider.script { .success(.rejectedToken) }
        #expect(await scene.verify() == .success(.rejectedToken))
    }

    @Test("a call that waited while its token failed sends no request")
    func waited() async throws {
        let scene = GovernedScene {
            $0.retryBurst = 0
            $0.concurrentCalls = 1
        }
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        let second = scene.start()
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        // As if another call about the token had failed meanwhile.
        scene.governor.noteFailure(Self.odd, of: Token("EMAW").hashValue)
        try await scene.provider.respondNext(.failure(Self.odd))
        #expect(await first.value.error?.message == "odd")
        #expect(await second.value.error?.retryAfter == .seconds(1))
        #expect(scene.provider.verifyCount == 1)
        #expect(scene.governor.statistics.freeSlots == 1)
    }

    @Test("a call is not retried if another call about its token got an odd response meanwhile")
    func noRetry() async throws {
        let scene = GovernedScene()
        let call = scene.start()
        try await eventually("the request is sent") { scene.provider.verifyCount == 1 }
        scene.governor.noteFailure(Self.odd, of: Token("EMAW").hashValue)
        try await scene.provider.respondNext(.failure(.unavailable))
        #expect(await call.value.error == .unavailable)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("a time that the provider named is kept")
    func namedTime() async {
        let scene = scene()
        scene.provider.script {
            .failure(VerificationError(.providerUnavailable, "odd", retryAfter: .seconds(30), request: .responded))
        }
        #expect(await scene.verify().error?.retryAfter == .seconds(30))
        scene.clock.advance(by: .milliseconds(600))
        #expect(await scene.verify().error?.retryAfter == .milliseconds(29_400))
    }

    @Test("the table holds the latest tokens up to its maximum")
    func bounded() {
        var tokens = FailedTokens()
        let now = Instant(nanoseconds: 1_000_000_000_000)
        for token in 0..<10_000 {
            tokens.note(Self.odd, of: token, at: now)
            #expect(tokens.count <= 4_096)
        }
        #expect(tokens.failure(of: 10_000 - 4_097, at: now) == nil)
        for token in (10_000 - 4_096)..<10_000 { #expect(tokens.failure(of: token, at: now)?.message == "odd") }
    }
}
