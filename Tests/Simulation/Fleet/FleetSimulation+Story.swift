internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport
internal import DoormanWire

// The events of a fleet's history. The seed decides them.

extension FleetSimulation {
    private static let accounts = ["1", "2", "3"]

    func play() async {
        let tokens = drawTokens()
        // The nodes read the log first.
        await world.sleep(for: .seconds(8))
        for _ in 0..<steps {
            switch world.draw({ Int.random(in: 0..<100, using: &$0) }) {
            case 0..<70: burst(tokens)
            case 70..<78: if !isCalm { revoke(tokens) }
            default: if !isCalm { await trouble() }
            }
            await world.sleep(
                for: world.draw { $0.chance(40) ? .zero : $0.duration(.zero...($0.chance(15) ? .seconds(5) : .milliseconds(700))) })
        }
        await recover(tokens)
    }

    private func drawTokens() -> [Token] {
        let wallTime = world.wallTime
        let facts: [(Token, FleetLedger.Fact)] = world.draw { random in
            (0..<Int.random(in: 2...8, using: &random)).map { number in
                let isOffline = random.chance(35)
                let end =
                    random.chance(20) ? wallTime.advanced(by: .seconds(Int64.random(in: 10...60, using: &random))) : .distantFuture
                return (
                    Token("\(isOffline ? "J" : "T")\(number)"),
                    FleetLedger.Fact(account: Self.accounts.randomElement(using: &random)!, isOffline: isOffline, end: end)
                )
            }
        }
        ledger.withLockedValue { ledger in
            for (token, fact) in facts { ledger.facts[token] = fact }
        }
        return facts.map(\.0) + [Token("Tunknown")]
    }

    // MARK: - Callers

    private func burst(_ tokens: [Token]) {
        let count = world.draw { $0.chance(40) ? Int.random(in: 2...10, using: &$0) : 1 }
        for _ in 0..<count {
            let (token, node, maxAge) = world.draw { random in
                (
                    tokens.randomElement(using: &random)!, Int.random(in: 0..<Self.nodeCount, using: &random),
                    random.chance(10) && !isCalm ? Duration.seconds(Int64.random(in: 1...5, using: &random)) : nil
                )
            }
            let known = ledger.withLockedValue { $0.acknowledgements }
            let position = world.draw { $0.chance(15) } ? known.last { $0.tokens.contains(token) }?.position : nil
            world.spawn { await self.verify(token, on: node, maxAge: maxAge, notBefore: position) }
        }
    }

    private func verify(_ token: Token, on number: Int, maxAge: Duration?, notBefore: RevocationPosition?) async {
        let node = node(number)
        guard !node.isDead else { return }
        let revocations = ledger.withLockedValue { ledger in
            ledger.openCalls += 1
            return ledger.acknowledgements.map(\.position)
        }
        let applied = revocations.indices.filter { node.fleet.hasApplied(revocations[$0]) == true }
        var call = FleetLedger.Call(token: token, node: number, began: world.now, notBefore: notBefore, applied: Set(applied))
        let outcome = await node.verify(token, maxAge: maxAge, notBefore: notBefore)
        call.isGateOpen = node.isGateOpen
        ledger.withLockedValue { [now = world.now, wallTime = world.wallTime, call] in
            $0.openCalls -= 1
            if !node.isDead { $0.check(outcome, of: call, now: now, wallTime: wallTime) }
        }
    }

    private func revoke(_ tokens: [Token]) {
        let (subject, number) = world.draw { random in
            (
                random.chance(70)
                    ? RevocationRequest.Subject.token(tokens.randomElement(using: &random)!)
                    : .account(Self.accounts.randomElement(using: &random)!), Int.random(in: 0..<Self.nodeCount, using: &random)
            )
        }
        let node = node(number)
        guard !node.isDead else { return }
        world.spawn { [self] in
            let tokens = ledger.withLockedValue { [now = world.now] in $0.revocationBegan(subject, now: now) }
            let deadline = node.deadline(in: .seconds(2))
            let position: RevocationPosition?
            do throws(VerificationError) {
                position = try await node.verifier.revoke(
                    RevocationRequest(subject, provider: subject.isOffline ? nil : FleetLedger.onlineProvider), deadline: deadline)
            } catch {
                position = nil
                ledger.withLockedValue { $0.count("failed revocations: \(error.code)") }
            }
            ledger.withLockedValue { [now = world.now] in
                $0.revocationEnded(subject, now: now)
                if let position, !node.isDead { $0.acknowledge(tokens, by: number, position, now: now) }
            }
        }
    }

    // MARK: - Trouble

    private func trouble() async {
        let number = world.draw { Int.random(in: 0..<Self.nodeCount, using: &$0) }
        switch world.draw({ Int.random(in: 0..<100, using: &$0) }) {
        case 0..<15: cutOrHeal(number)
        case 15..<25: await killOrStop(number)
        case 25..<35: change(number)
        case 35..<45: restartStore()
        case 45..<55:
            store.change { $0.hangs.toggle() }
            noteStore()
        case 55..<60:
            store.change { $0.isFull.toggle() }
            noteStore()
        case 60..<65: provider.set(isDown: world.draw { $0.chance(30) })
        case 65..<70: await leaveStoreDown()
        case 70..<75: lie()
        default: attack()
        }
    }

    private func cutOrHeal(_ number: Int) {
        let isCut = node(number).link.conditions.withLockedValue { conditions in
            conditions.isCut.toggle()
            return conditions.isCut || conditions.lost > 0
        }
        ledger.withLockedValue { [now = world.now] ledger in
            if isCut { ledger.noteUnreachable(number, now: now) } else { ledger.noteReachable(number) }
            ledger.count("partitions")
        }
    }

    private func killOrStop(_ number: Int) async {
        let isKilled = world.draw { $0.chance(60) }
        ledger.withLockedValue { [now = world.now] in
            $0.noteUnreachable(number, now: now)
            $0.count("restarts of nodes")
        }
        node(number).stop(isKilled: isKilled)
        await world.sleep(for: world.draw { $0.duration(.zero ... .seconds(2)) })
        restart(number)
        // Its revocations died with it.
        ledger.withLockedValue { $0.noteReachable(number) }
    }

    private func change(_ number: Int) {
        let (lost, delay) = world.draw { random in
            (
                random.chance(50) ? 0 : Int.random(in: 1...30, using: &random),
                random.chance(50) ? Duration.milliseconds(2) : random.duration(.milliseconds(1) ... .milliseconds(300))
            )
        }
        let conditions = node(number).link.conditions
        conditions.withLockedValue { ($0.lost, $0.longestDelay) = (lost, delay) }
        let isCut = conditions.withLockedValue { $0.isCut }
        // A node whose commands fail may not get through for as long as that lasts.
        ledger.withLockedValue { [now = world.now] ledger in
            if isCut || lost > 0 { ledger.noteUnreachable(number, now: now) } else { ledger.noteReachable(number) }
        }
    }

    private func restartStore() {
        let (drawn, leavesOldOne) = world.draw { random in
            (random.chance(30) ? 0 : random.chance(50) ? 1 : Double.random(in: 0.5...1, using: &random), random.chance(30))
        }
        let part = canLose ? drawn : 1
        store.restart(keeping: part, leavingOldOne: leavesOldOne)
        ledger.withLockedValue { $0.count("restarts of the store") }
        if part < 1 { noteLoss() }
        noteStore()
    }

    private func noteStore() {
        let isWell = store.state.withLockedValue { state in
            !state.isDown && state.primaries.last.map { !$0.hangs && !$0.isFull } ?? false
        }
        ledger.withLockedValue { [now = world.now] in $0.noteStore(isWell: isWell, now: now) }
    }

    /// Whether the store may lose records. A node whose denial list is full can't read the log, and so does not repeat what it lacks.
    private var canLose: Bool { isAllKnown }

    private func noteLoss() {
        let nodes = allNodes.filter { node in !node.isDead && node.link.conditions.withLockedValue { !$0.isCut && $0.lost == 0 } }
        ledger.withLockedValue { [now = world.now] ledger in
            ledger.noteLoss(now: now) { position in
                Set(nodes.filter { $0.fleet.hasApplied(position) == true }.map(\.number))
            }
        }
    }

    private func leaveStoreDown() async {
        store.state.withLockedValue { $0.isDown = true }
        noteStore()
        await world.sleep(for: world.draw { $0.duration(.zero ... .seconds(6)) })
        store.state.withLockedValue { $0.isDown = false }
        noteStore()
    }

    /// The store acknowledges a record and forgets it.
    private func lie() {
        guard canLose else { return }
        store.change { $0.appendsToForget = 1 }
        noteLoss()
    }

    /// Someone writes to the store who does not know the secret.
    private func attack() {
        let kind = world.draw { Int.random(in: 0..<6, using: &$0) }
        let (first, second) = world.draw { ($0.next(), $0.next()) }
        ledger.withLockedValue { $0.count("attacks") }
        guard kind != 4 || canLose else { return }
        if kind == 4 { noteLoss() }
        store.change { primary in
            let keys = primary.values.keys.sorted { $0.lexicographicallyPrecedes($1) }
            guard !keys.isEmpty, !primary.log.isEmpty else { return }
            let (one, two) = (keys[Int(first % UInt64(keys.count))], keys[Int(second % UInt64(keys.count))])
            let record = primary.log[Int(first % UInt64(primary.log.count))]
            switch kind {
            case 0: primary.values[one]?.bytes = Array(repeating: UInt8(truncatingIfNeeded: second), count: 200)
            case 1: (primary.values[one], primary.values[two]) = (primary.values[two], primary.values[one])
            case 2:
                if let old = primary.history.first(where: { $0.key == one }) {
                    primary.values[one] = (old.value, .distantFuture)
                }
            case 3:
                primary.lastID.number += 1
                primary.log.append(LogRecord(primary.lastID, second % 2 == 0 ? record.data : Array(record.data.reversed())))
            case 4: primary.log.removeAll { $0.id == record.id }
            default: primary.values[one] = nil
            }
        }
    }

    // MARK: - The end

    /// Restores everything. After the window of the log, each node must know the truth.
    private func recover(_ tokens: [Token]) async {
        provider.set(isDown: false)
        if !isCalm { store.restart(keeping: 1, leavingOldOne: false) }
        store.state.withLockedValue { $0.primaries.removeFirst($0.primaries.count - 1) }
        for number in 0..<Self.nodeCount where node(number).isDead { restart(number) }
        for node in allNodes { node.link.conditions.withLockedValue { $0 = SimulatedLink.Conditions() } }
        let end = world.now.advanced(by: retention + bound * 2 + .seconds(15))
        repeat { await world.sleep(for: .seconds(5)) } while !isAtRest && world.now < end
        for token in tokens {
            for number in 0..<Self.nodeCount {
                await verify(token, on: number, maxAge: nil, notBefore: nil)
            }
        }
        let (now, wallTime) = (world.now, world.wallTime)
        for node in allNodes {
            let statistics = node.fleet.statistics
            ledger.withLockedValue { ledger in
                if !node.isGateOpen, isAllKnown {
                    ledger.report("node \(node.number) is not caught up at the end: \(statistics.lastFailure ?? "")", at: now)
                }
                if statistics.waitingRevocations > 0, isAllKnown { ledger.report("a revocation was never sent", at: now) }
            }
        }
        for token in tokens {
            for node in allNodes {
                let outcome = await node.verify(token, maxAge: nil, notBefore: nil)
                ledger.withLockedValue { ledger in
                    guard let fact = ledger.facts[token], fact.attemptedAt == nil, wallTime.advanced(by: .seconds(5)) < fact.end
                    else {
                        return
                    }
                    guard case .success(.valid) = outcome else {
                        if isAllKnown { ledger.report("a good token has no identity at the end: \(outcome)", at: now) }
                        return
                    }
                    ledger.count("recovered")
                }
            }
        }
        for node in allNodes {
            let counts = node.fleet.statistics.counts
            ledger.withLockedValue { ledger in
                for (name, count) in [("shared entries", counts.entryHits), ("replays", counts.replays), ("losses", counts.losses)]
                {
                    for _ in 0..<min(count, 100) { ledger.count(name) }
                }
                for rejection in counts.entriesRejected.keys { ledger.count("entry rejected: \(rejection.rawValue)") }
            }
            node.stop(isKilled: true)
        }
        await world.sleep(for: .seconds(10))
    }
}

extension FleetSimulation {
    /// Whether every node follows the log, and has no revocation to send.
    private var isAtRest: Bool {
        allNodes.map(\.fleet.statistics).allSatisfy { statistics in
            statistics.usesEntries && statistics.waitingRevocations == 0 && statistics.caughtUpAge.map { $0 < bound / 2 } ?? false
        }
    }
}

extension RevocationRequest.Subject {
    fileprivate var isOffline: Bool {
        if case .token(let token) = self { token.bytes.first == UInt8(ascii: "J") } else { false }
    }
}
