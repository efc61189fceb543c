internal import DoormanCache
internal import DoormanCore
internal import DoormanSupport
internal import JWTVerifier
internal import NIOConcurrencyHelpers
internal import ProviderRouting

/// One history of an issuer's keys from a seed: calls with tokens of several keys and lifetimes, rotations, failures of the issuer, invented
/// key ids and revocations, against the real verifier of JSON Web Tokens, its keys and signatures, and the real cache.
package final class IssuerSimulation: Sendable {
    /// The outcome of the revocation of the current task.
    @TaskLocal static var outcome: NIOLockedValueBox<RevocationOutcome?>?
    /// The time after which every genuine token must be valid again, once the issuer works: the longest pause between fetches (60 s), and
    /// the time for which an unknown key is remembered (30 s) and its rejection cached.
    private static let recoveryTime = Duration.seconds(120)

    private let seed: UInt64
    private let world: World
    private let keys: [SimulatedKey]
    private let issuer: SimulatedIssuer
    private let ledger: NIOLockedValueBox<IssuerLedger>
    private let upstream: JWTVerifier
    private let verifier: CachingVerifier
    private let steps: Int

    private init(seed: UInt64) throws {
        self.seed = seed
        let world = World(seed: seed)
        var cache = CacheSettings()
        (steps, cache.ttl, cache.negativeTTL, cache.staleIfError) = world.draw { random in
            (
                Int.random(in: 15...50, using: &random),
                [.zero, .seconds(5), .seconds(60), .seconds(600)].randomElement(using: &random)!,
                [.zero, .seconds(10)].randomElement(using: &random)!, [.zero, .seconds(300)].randomElement(using: &random)!
            )
        }
        cache.shards = 1
        let keys = try SimulatedKey.all.get()
        let ledger = NIOLockedValueBox(IssuerLedger(negativeTTL: cache.negativeTTL * (1 + cache.jitter)))
        let issuer = SimulatedIssuer(world: world, ledger: ledger, keys: keys)
        var settings = JWTSettings(name: "simulated", issuer: SimulatedIssuer.url, audience: [SimulatedIssuer.audience])
        settings.algorithms = [.edDSA]
        settings.jwksURL = SimulatedIssuer.keysURL
        let attached = NIOLockedValueBox<CachingVerifier?>(nil)
        upstream = try JWTVerifier(
            settings, time: world.timeSource,
            fetch: { (request, deadline, _) async throws(VerificationError) in
                try await issuer.respond(to: request, deadline: deadline)
            },
            // As the composition root does.
            onKeysRemoved: { removed in
                attached.withLockedValue { $0 }?.removeEntries { $0.signingKey.map(removed.contains) ?? false }
            })
        verifier = try CachingVerifier(
            provider: ProviderRouter("simulated", PausingVerifier(verifier: upstream, world: world, ledger: ledger)),
            settings: cache, timeSource: world.timeSource,
            coding: VerdictCoding(encode: { _ in EncodedResponse() }),
            randomness: CacheRandomness(roll: { world.draw { $0.next() } }, secret: Array(repeating: 7, count: 32)))
        attached.withLockedValue { [verifier] in $0 = verifier }
        self.world = world
        self.keys = keys
        self.issuer = issuer
        self.ledger = ledger
    }

    /// Plays the history of a seed. A seed always plays the same history.
    package static func run(seed: UInt64) throws -> Simulation.Outcome {
        let simulation = try IssuerSimulation(seed: seed)
        let failure = NIOLockedValueBox<(any Error)?>(nil)
        simulation.world.spawn {
            do { try await simulation.play() } catch { failure.withLockedValue { $0 = error } }
        }
        let hasEnded = simulation.world.run(limit: 1_000_000)
        if let error = failure.withLockedValue({ $0 }) { throw error }
        return simulation.ledger.withLockedValue { [now = simulation.world.now] ledger in
            if !hasEnded { ledger.report("the history does not come to rest", at: now) }
            if ledger.openCalls != 0 { ledger.report("\(ledger.openCalls) calls never ended", at: now) }
            return Simulation.Outcome(seed: seed, violations: ledger.violations, counts: ledger.counts)
        }
    }

    // MARK: - Story

    private func play() async throws {
        let fresh = world.spawn { [upstream] in await upstream.run() }
        defer { fresh.cancel() }
        if world.draw({ $0.chance(20) }) { issuer.set(drawCondition()) }
        var tokens = try (0..<8).map { try issue($0) }
        for number in 0..<steps {
            switch world.draw({ Int.random(in: 0..<100, using: &$0) }) {
            case 0..<43: burst(tokens)
            case 43..<48: try expireDuringFetch(number)
            case 48..<56: try flood(number)
            case 56..<64: tokens.append(try issue(8 + number))
            case 64..<70: revoke(world.draw { tokens.randomElement(using: &$0)! })
            case 70..<80: issuer.publish(world.draw { Int.random(in: 0..<keys.count, using: &$0) })
            case 80..<84: issuer.withdraw()
            case 84..<90: try await withdrawUnderLoad(tokens, number)
            default: issuer.set(drawCondition())
            }
            await world.sleep(for: drawPause())
        }
        try await recover(tokens)
    }

    private func drawCondition() -> SimulatedIssuer.Condition {
        world.draw { $0.chance(50) ? .healthy : SimulatedIssuer.Condition.allCases.randomElement(using: &$0)! }
    }

    private func drawPause() -> Duration {
        world.draw { random in
            switch Int.random(in: 0..<400, using: &random) {
            case 0..<140: .zero
            case 140..<280: random.duration(.zero ... .seconds(1))
            case 280..<370: random.duration(.zero ... .seconds(40))
            case 370..<399: random.duration(.zero ... .seconds(400))
            default: random.duration(.zero ... .seconds(90_000))
            }
        }
    }

    /// Signs a token. Some are signed with a key that is not published yet, or not any more, and some are forged.
    private func issue(_ number: Int) throws -> IssuerLedger.IssuedToken {
        let published = issuer.published
        let (key, lifetime, forger) = world.draw { random in
            (
                random.chance(70) ? published.randomElement(using: &random)! : Int.random(in: 0..<keys.count, using: &random),
                [5, 60, 600, 7_200, 200_000].randomElement(using: &random)!,
                random.chance(10) ? Int.random(in: 0..<keys.count, using: &random) : nil
            )
        }
        let signer = forger ?? key
        // Whole seconds, as in the claim.
        let expiry = Timestamp(millisecondsSince1970: (world.wallTime.millisecondsSince1970 / 1000 + Int64(lifetime)) * 1000)
        return IssuerLedger.IssuedToken(
            token: try keys[signer].token(number, expiry: expiry, naming: keys[key].id), keyID: keys[key].id, expiry: expiry,
            isForged: signer != key)
    }

    private func burst(_ tokens: [IssuerLedger.IssuedToken]) {
        for _ in 0..<world.draw({ $0.chance(20) ? Int.random(in: 1...8, using: &$0) : 1 }) {
            let issued = world.draw { tokens.randomElement(using: &$0)! }
            let timeout = world.draw { $0.chance(20) ? $0.duration(.zero ... .milliseconds(300)) : .seconds(5) }
            world.spawn { [self] in await verify(issued, timeout: timeout) }
        }
    }

    /// Publishes a key, and sends a token of it that may expire while the verifier looks for the key.
    private func expireDuringFetch(_ number: Int) throws {
        let key = world.draw { Int.random(in: 0..<keys.count, using: &$0) }
        issuer.publish(key)
        let expiry = Timestamp(millisecondsSince1970: (world.wallTime.millisecondsSince1970 / 1000 + 1) * 1000)
        let issued = IssuerLedger.IssuedToken(
            token: try keys[key].token(20_000 + number, expiry: expiry), keyID: keys[key].id, expiry: expiry, isForged: false)
        world.spawn { [self] in await verify(issued, timeout: .seconds(5)) }
    }

    /// Sends tokens with invented key ids, as fast as the machine can.
    private func flood(_ number: Int) throws {
        let expiry = world.wallTime.advanced(by: .seconds(600))
        for index in 0..<world.draw({ Int.random(in: 1...5, using: &$0) }) {
            let id = "invented-\(number)-\(index)"
            let token = try keys[0].token(index, expiry: expiry, naming: id)
            let issued = IssuerLedger.IssuedToken(token: token, keyID: id, expiry: expiry, isForged: true)
            world.spawn { [self] in await verify(issued, timeout: .seconds(2)) }
        }
    }

    /// Withdraws a key while calls with its tokens come, and makes the verifier look for the keys.
    private func withdrawUnderLoad(_ tokens: [IssuerLedger.IssuedToken], _ number: Int) async throws {
        let id = keys[issuer.published[0]].id
        let signed = tokens.filter { $0.keyID == id }.prefix(3)
        issuer.withdraw()
        try flood(number)
        for _ in 0..<8 {
            for issued in signed { world.spawn { [self] in await verify(issued, timeout: .seconds(5)) } }
            await world.sleep(for: world.draw { $0.duration(.zero ... .milliseconds(200)) })
        }
    }

    private func verify(_ issued: IssuerLedger.IssuedToken, timeout: Duration, isRecovery: Bool = false) async {
        let deadline = Deadline(world.now.advanced(by: timeout))
        let call = ledger.withLockedValue { [now = world.now] in $0.began(issued, at: now, deadline: deadline) }
        let outcome: Result<Verdict, VerificationError>
        do throws(VerificationError) {
            outcome = .success(try await verifier.verify(VerificationRequest(token: issued.token), deadline: deadline))
        } catch {
            outcome = .failure(error)
        }
        ledger.withLockedValue { [now = world.now, wallTime = world.wallTime] in
            if isRecovery {
                $0.checkRecovery(outcome, of: call, now: now, wallTime: wallTime)
            } else {
                $0.check(outcome, of: call, now: now, wallTime: wallTime)
            }
        }
    }

    private func revoke(_ issued: IssuerLedger.IssuedToken) {
        world.spawn { [self] in
            ledger.withLockedValue { [now = world.now] in $0.revocationBegan(issued, at: now) }
            let outcome = NIOLockedValueBox<RevocationOutcome?>(nil)
            await Self.$outcome.withValue(outcome) {
                let deadline = Deadline(world.now.advanced(by: .seconds(2)))
                // No `try?`: it would turn the position that is absent without a fleet into a failure.
                do { try await verifier.revoke(RevocationRequest(.token(issued.token)), deadline: deadline) } catch { return }
                var isDenied = false
                if case .deniedLocally = outcome.withLockedValue({ $0 }) { isDenied = true }
                ledger.withLockedValue { [isDenied] in $0.revocationEnded(issued, isDenied: isDenied) }
            }
        }
    }

    /// Restores the issuer, and publishes a key that was never published if there is one. After the stated time, every genuine token must be
    /// valid.
    private func recover(_ tokens: [IssuerLedger.IssuedToken]) async throws {
        issuer.set(.healthy)
        issuer.publish(keys.count - 1)
        await world.sleep(for: Self.recoveryTime)
        let expiry = Timestamp(millisecondsSince1970: (world.wallTime.millisecondsSince1970 / 1000 + 600) * 1000)
        let fresh = try issuer.published.map { number in
            IssuerLedger.IssuedToken(
                token: try keys[number].token(10_000, expiry: expiry), keyID: keys[number].id, expiry: expiry, isForged: false)
        }
        for issued in fresh + tokens { await verify(issued, timeout: .seconds(5), isRecovery: true) }
    }
}
