import DoormanClient
import NIOConcurrencyHelpers
import TestKit

/// A closed loop of calls to each node of a fleet, which revokes tokens meanwhile, and judges every result.
final class FleetLoad: Sendable {
    typealias Token = FleetOfThree.Token

    /// What the load has seen.
    struct Findings: Sendable {
        var calls = 0
        var identities = 0
        /// Calls with a good token that got another identity or a rejection.
        var wrong: [String] = []
        /// Calls with a good token of Account Kit that got no verdict, by the reason.
        var failed: [String: Int] = [:]
        /// Calls with a good JWT that got no verdict, because the node could not know all revocations, by the node's port.
        var withheld: [Int: Int] = [:]
        var unacknowledged = 0
        /// The times from the acknowledged revocations to the last response with an identity, by token. Zero for none.
        var delays: [String: Duration] = [:]
        /// As ``delays``, to the time when that call was sent: the identity was sent no earlier.
        var longestSurelyLate = Duration.zero

        var longestDelay: Duration { delays.values.max() ?? .zero }
        var medianDelay: Duration { delays.isEmpty ? .zero : delays.values.sorted()[delays.count / 2] }
    }

    fileprivate enum Standing {
        case good
        /// A revocation was sent. There is no acknowledgement.
        case revoking
        case revoked(ContinuousClock.Instant)
    }

    fileprivate struct State {
        var standings: [String: Standing] = [:]
        var findings = Findings()
        var doomed: [Token]
        var recent: [(token: Token, moment: ContinuousClock.Instant)] = []
        var isOver = false
    }

    private let fleet: FleetOfThree
    private let tokens: [Token]
    private let state: NIOLockedValueBox<State>

    /// Begins with a full cache at every node.
    ///
    /// - Parameter doomed: The number of tokens that can be revoked.
    init(_ fleet: FleetOfThree, good: Int, doomed: Int) async throws {
        self.fleet = fleet
        let good = try fleet.accountKitTokens(good / 2) + fleet.jwts(good / 2)
        let pairs = try zip(fleet.accountKitTokens(doomed / 2), fleet.jwts(doomed / 2))
        let doomed = pairs.flatMap { [$0, $1] }
        tokens = good + doomed
        state = NIOLockedValueBox(State(doomed: doomed))
        try await withThrowingTaskGroup(of: Void.self) { [tokens] group in
            for node in fleet.nodes { group.addTask { try await fleet.fill(node, tokens) } }
            try await group.waitForAll()
        }
    }

    var findings: Findings { state.withLockedValue { $0.findings } }

    /// Runs the load for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - callsPerSecond: The calls to each node.
    ///   - revocationsPerSecond: The revocations, each at one node in turn.
    func run(
        callsPerSecond: Int, revocationsPerSecond: Int, _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let workers = 6
            for node in fleet.nodes {
                for worker in 0..<workers {
                    group.addTask { await self.verifyRepeatedly(node, every: .seconds(workers) / callsPerSecond, seed: worker) }
                }
            }
            group.addTask { await self.revokeRepeatedly(every: .seconds(1) / revocationsPerSecond) }
            let outcome: Swift.Result<Void, any Error>
            do {
                outcome = .success(try await body())
            } catch {
                outcome = .failure(error)
            }
            state.withLockedValue { $0.isOver = true }
            try await group.waitForAll()
            try outcome.get()
        }
    }

    private var isOver: Bool { state.withLockedValue { $0.isOver } }

    private func verifyRepeatedly(_ node: FleetProcess, every interval: Duration, seed: Int) async {
        var random = SystemRandomNumberGenerator()
        var next = ContinuousClock.now + interval * seed / 6
        while !isOver {
            try? await Task.sleep(until: next, clock: .continuous)
            next = max(next + interval, .now)
            let recent = random.next() % 2 == 0 ? recentlyRevoked.randomElement(using: &random) : nil
            if let token = recent ?? tokens.randomElement(using: &random) { await verify(token, at: node) }
        }
    }

    /// The tokens that a node may still not know to be revoked.
    private var recentlyRevoked: [Token] {
        let start = ContinuousClock.now - FleetOfThree.bound - .milliseconds(500)
        return state.withLockedValue { state in
            state.recent.removeAll { $0.moment < start }
            return state.recent.map(\.token)
        }
    }

    @discardableResult
    private func verify(_ token: Token, at node: FleetProcess) async -> FleetProcess.Result {
        let began = ContinuousClock.now
        let result = await node.verify(token)
        let ended = ContinuousClock.now
        state.withLockedValue { $0.note(result, of: token, at: node, during: began...ended) }
        return result
    }

    // MARK: - Revocations

    private func revokeRepeatedly(every interval: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            var next = ContinuousClock.now
            var number = 0
            while !isOver, let token = nextDoomed() {
                let node = fleet.nodes[number % fleet.nodes.count]
                group.addTask { await self.revoke(token, at: node) }
                number += 1
                next += interval
                try? await Task.sleep(until: next, clock: .continuous)
            }
        }
    }

    /// Revokes tokens at the first node at once, and waits until it has acknowledged them.
    func revokeNow(_ count: Int) async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                guard let token = nextDoomed() else { return }
                group.addTask { await self.revoke(token, at: self.fleet.nodes[0], watching: false) }
            }
        }
    }

    private func nextDoomed() -> Token? { state.withLockedValue { $0.doomed.popLast() } }

    private func revoke(_ token: Token, at node: FleetProcess, watching: Bool = true) async {
        state.withLockedValue { $0.standings[token.text] = .revoking }
        let isAcknowledged = (try? await node.revoke(token, timeout: .seconds(3))) != nil
        let now = ContinuousClock.now
        state.withLockedValue { state in
            if isAcknowledged {
                state.standings[token.text] = .revoked(now)
                state.recent.append((token, now))
                state.findings.delays[token.text] = .zero
            } else {
                state.findings.unacknowledged += 1
            }
        }
        if isAcknowledged, watching { await watch(token, until: now + FleetOfThree.bound + .milliseconds(500)) }
    }

    /// Verifies a revoked token at all nodes, often while they still know it.
    private func watch(_ token: Token, until end: ContinuousClock.Instant) async {
        await withTaskGroup(of: Void.self) { group in
            for node in fleet.nodes {
                group.addTask {
                    while ContinuousClock.now < end, !self.isOver {
                        let isKnown = await self.verify(token, at: node) == .identity
                        try? await Task.sleep(for: .milliseconds(isKnown ? 25 : 250))
                    }
                }
            }
        }
    }

    /// Waits until every node rejects every token that was revoked, with or without an acknowledgement, and accepts every other.
    func settle() async throws {
        let standings = state.withLockedValue { $0.standings }
        for node in fleet.nodes {
            for token in tokens {
                let expected: FleetProcess.Result = standings[token.text] == nil ? .identity : .rejected
                var last = FleetProcess.Result.identity
                do {
                    try await eventually("\(expected)", within: .seconds(30)) {
                        last = await verify(token, at: node)
                        return last == expected
                    }
                } catch {
                    throw NeverHappened(
                        description: "\(last) in place of \(expected) for a token, JWT: \(token.isJWT), "
                            + "\(String(describing: standings[token.text]))")
                }
            }
        }
    }
}

extension FleetLoad.State {
    fileprivate mutating func note(
        _ result: FleetProcess.Result, of token: FleetLoad.Token, at node: FleetProcess,
        during time: ClosedRange<ContinuousClock.Instant>
    ) {
        findings.calls += 1
        switch (result, standings[token.text] ?? .good) {
        case (.identity, .revoked(let moment)):
            findings.identities += 1
            guard time.upperBound > moment else { return }
            findings.delays[token.text] = max(findings.delays[token.text] ?? .zero, time.upperBound - moment)
            findings.longestSurelyLate = max(findings.longestSurelyLate, time.lowerBound - moment)
        case (.identity, _): findings.identities += 1
        case (.wrongIdentity(let account), _): findings.wrong.append("an identity of \(account)")
        case (.rejected, .good): findings.wrong.append("a rejection of a good token, JWT: \(token.isJWT)")
        case (.failed("unavailable: STORE_UNAVAILABLE"), .good) where token.isJWT: findings.withheld[node.port, default: 0] += 1
        case (.failed(let reason), .good): findings.failed[reason, default: 0] += 1
        case (.rejected, _), (.failed, _): break
        }
    }
}
