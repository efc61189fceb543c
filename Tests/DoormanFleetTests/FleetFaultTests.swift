import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanFleet

/// Nodes on a store that fails in part, and revocations that wait.
@Suite("Nodes on a store that fails in part", .timeLimit(.minutes(2)))
struct FleetFaultTests {
    private static func soon(_ time: Duration) -> Deadline { Deadline(TimeSource.system.now().advanced(by: time)) }

    private static func revoke(
        _ token: String, at node: FleetStage.Node, within time: Duration = .seconds(30)
    ) async throws(VerificationError) -> RevocationPosition? {
        try await node.verifier.revoke(RevocationRequest(.token(Token(token))), deadline: soon(time))
    }

    @Test("a revocation that no message can hold keeps no other waiting")
    func unsendable() async throws {
        try await FleetStage.run { stage, _ in
            stage.provider.revocations.script { request in
                if case .account = request.subject {
                    .failure(VerificationError(.providerBusy, "busy"))
                } else {
                    .success(.revoked)
                }
            }
            let error = await #expect(throws: VerificationError.self) {
                try await stage.first.verifier.revoke(
                    RevocationRequest(.account("1\u{0}"), provider: "p"), deadline: FleetStage.deadline)
            }
            #expect(error?.code == .providerBusy)
            let position = try await Self.revoke("next", at: stage.first)
            #expect(position != nil)
            #expect(stage.first.fleet.statistics.waitingRevocations == 0)
        }
    }

    @Test("a node whose log was cut goes on after a failure on the way back")
    func failureAfterCut() async throws {
        try await FleetStage.run(nodes: 1) { stage, _ in
            #expect(try await Self.revoke("before", at: stage.first) != nil)
            stage.store.emptyAndTimeOutOnce()
            try await eventually("the node reads the log from its window again", within: .seconds(30)) {
                stage.first.counts.sessions > 1 && stage.first.fleet.statistics.usesEntries
            }
            #expect(try await Self.revoke("after", at: stage.first) != nil)
        }
    }

    @Test("a verdict from while the provider lags behind a revocation is not shared")
    func laggingProvider() async throws {
        try await FleetStage.run { stage, _ in
            stage.acceptEveryToken()
            try await stage.first.verifier.revoke(RevocationRequest(.account("1"), provider: "p"), deadline: FleetStage.deadline)
            try await eventually("the other node knows") { stage.second.counts.revocationsApplied == 1 }
            await #expect(throws: VerificationError.self) { try await stage.second.verify(Token("EMAW1")) }
            // Verdicts are shared in their order.
            #expect(try await stage.second.verify(Token("EMAW2")).identity != nil)
            try await eventually("the other verdict is shared") { stage.second.counts.entriesShared >= 1 }
            #expect(stage.second.counts.entriesShared == 1)
            #expect(await stage.first.finds(Token("EMAW2")))
            #expect(await !stage.first.finds(Token("EMAW1")))
        }
    }

    @Test("a node uses no verdict from before a revocation of its own that the log lacks")
    func pendingRevocation() async throws {
        try await FleetStage.run { stage, _ in
            stage.acceptEveryToken()
            for token in ["EMAW1", "EMAW2", "EMAW3"] { _ = try await stage.second.verify(Token(token)) }
            try await eventually("the verdicts are shared") { stage.second.counts.entriesShared == 3 }
            for token in ["EMAW1", "EMAW2", "EMAW3"] { #expect(await stage.first.finds(Token(token))) }
            stage.store.failAppends(with: .full)
            let account = RevocationRequest(.account("1"), provider: "p")
            await #expect(throws: VerificationError.self) {
                try await stage.first.verifier.revoke(account, deadline: Self.soon(.milliseconds(200)))
            }
            await #expect(throws: VerificationError.self) {
                try await Self.revoke("EMAW2", at: stage.first, within: .milliseconds(200))
            }
            #expect(await !stage.first.finds(Token("EMAW1")))
            #expect(await !stage.first.finds(Token("EMAW2")))
            stage.store.failAppends(with: nil)
            try await eventually("the other node knows") { stage.second.counts.revocationsApplied == 2 }
            try await eventually("the node uses the store") { await stage.first.finds(Token("EMAW3")) }
            #expect(await !stage.first.finds(Token("EMAW1")))
            #expect(await !stage.first.finds(Token("EMAW2")))
        }
    }

    @Test("a node that sends many revocations goes on to read the log")
    func manyRevocations() async throws {
        try await FleetStage.run(nodes: 1) { stage, _ in
            stage.store.failAppends(with: .full)
            await withTaskGroup { group in
                for number in 0..<200 {
                    group.addTask { _ = try? await Self.revoke("token \(number)", at: stage.first, within: .milliseconds(300)) }
                }
            }
            stage.store.slowAppends(to: .milliseconds(30))
            stage.store.failAppends(with: nil)
            var longestAge = Duration.zero
            try await eventually("all are sent", within: .seconds(60)) {
                longestAge = max(longestAge, stage.first.fleet.statistics.caughtUpAge ?? .zero)
                return stage.first.fleet.statistics.waitingRevocations == 0
            }
            // All of them take six seconds.
            #expect(longestAge < .seconds(4))
        }
    }

    @Test("a clock that is ahead for a moment ends no lasting denial")
    func clockAhead() async throws {
        try await FleetStage.run { stage, _ in
            let end = TimeSource.system.wallTime().advanced(by: .seconds(3600))
            stage.provider.revocations.script { _ in .success(.deniedLocally(until: end)) }
            _ = try await Self.revoke("lasting", at: stage.first)
            func commands() -> UInt64 { stage.first.counts.latency.snapshot.buckets.reduce(0) { $0 + $1.count } }
            let before = commands()
            stage.wallOffset.withLockedValue { $0 = .seconds(2 * 86_400) }
            try await eventually("the node has tidied up several times") { commands() > before + 100 }
            stage.wallOffset.withLockedValue { $0 = .zero }
            #expect(try await stage.denials() == 1)
            #expect(stage.first.fleet.state.withLockedValue { $0.lastingDenials.count } == 1)
        }
    }

    @Test("a node that stops sends the revocations that wait")
    func stoppedNode() async throws {
        try await FleetStage.run { stage, tasks in
            stage.store.failAppends(with: .full)
            await #expect(throws: VerificationError.self) {
                try await Self.revoke("waiting", at: stage.first, within: .milliseconds(200))
            }
            tasks[0].cancel()
            stage.store.failAppends(with: nil)
            try await eventually("the other node knows") { stage.second.counts.revocationsApplied == 1 }
            await tasks[0].value
            #expect(stage.first.fleet.statistics.waitingRevocations == 0)
        }
    }

    @Test("a caller hears before its deadline that the store does not have its revocation")
    func answerInTime() async throws {
        try await FleetStage.run { stage, _ in
            stage.store.failAppends(with: .full)
            let deadline = Self.soon(.seconds(1))
            let error = await #expect(throws: VerificationError.self) {
                try await stage.first.verifier.revoke(RevocationRequest(.token(FleetStage.token)), deadline: deadline)
            }
            #expect(error?.code == .storeUnavailable)
            // Nothing waited until the deadline itself.
            #expect(!stage.sleeps.withLockedValue { $0 }.contains(deadline.instant))
        }
    }

    @Test("a caller does not wait for a store that has been away for a while")
    func storeAway() async throws {
        try await FleetStage.run(nodes: 1) { stage, _ in
            stage.store.stop()
            try await eventually("the node is cut off") {
                stage.first.fleet.state.withLockedValue { $0.isCutOff(at: TimeSource.system.now()) }
            }
            let deadline = FleetStage.deadline
            let error = await #expect(throws: VerificationError.self) {
                try await stage.first.verifier.revoke(RevocationRequest(.token(FleetStage.token)), deadline: deadline)
            }
            #expect(error?.code == .storeUnavailable)
            #expect(TimeSource.system.now().advanced(by: .seconds(30)) < deadline.instant)
            stage.store.start()
            try await eventually("the revocation is in the log") { stage.first.counts.revocationsSent == 1 }
        }
    }
}
