internal import DoormanCache
internal import DoormanCore
internal import DoormanSupport

// The events of a history. The seed decides them.

extension Simulation {
    private static let accounts = ["1", "2", "3"]
    private static let inventedAccount = "4"
    private var unknownToken: Token { Token("EMAWunknown") }

    func play() async {
        let tokens = drawTokens()
        router.checkCredentials()
        var bounds = (settings.cache.valid, settings.cache.negative)
        for number in 0..<settings.steps {
            switch world.draw({ Int.random(in: 0..<100, using: &$0) }) {
            case 0..<70: burst(tokens)
            case 70..<78: revoke(tokens)
            case 78..<82: exchange(number)
            case 82..<84: revokeAtProvider(tokens)
            case 84..<87: await changeSecret()
            case 87..<95:
                provider.set(
                    world.draw { $0.chance(40) ? .healthy : SimulatedProvider.Condition.allCases.randomElement(using: &$0)! })
            default: bounds = limit()
            }
            checkBounds(bounds.0, bounds.1)
            await world.sleep(
                for: world.draw { $0.chance(50) ? .zero : $0.duration(.zero...($0.chance(20) ? .seconds(30) : .seconds(1))) })
        }
        await recover(tokens)
    }

    /// Restores the provider. After the longest back-off every good token must be accepted.
    private func recover(_ tokens: [Token]) async {
        provider.set(.healthy)
        provider.becomeFast()
        for application in Self.applications { provider.changeSecret(of: application, to: 0) }
        await world.sleep(for: .seconds(100) + settings.longestDenial)
        await checkDenials()
        for token in tokens {
            await world.sleep(for: .seconds(2))
            let deadline = Deadline(world.now.advanced(by: .seconds(5)))
            let outcome: Result<Verdict, VerificationError>
            do throws(VerificationError) {
                outcome = .success(try await verifier.verify(VerificationRequest(token: token), deadline: deadline))
            } catch {
                outcome = .failure(error)
            }
            ledger.withLockedValue { [now = world.now, wallTime = world.wallTime] in
                $0.checkRecovery(of: token, outcome, now: now, wallTime: wallTime)
            }
        }
    }

    /// Revokes one more token after all denials have ended. Its denial must be the only one.
    private func checkDenials() async {
        let deadline = Deadline(world.now.advanced(by: .seconds(2)))
        var failure: VerificationError?
        do throws(VerificationError) {
            try await verifier.revoke(RevocationRequest(.token(unknownToken), caller: Caller(name: "a")), deadline: deadline)
        } catch {
            failure = error
        }
        let count = verifier.statistics.denials
        ledger.withLockedValue { [now = world.now, failure] in
            if let failure { $0.report("a revocation fails long after the last outage: \(failure.code)", at: now) }
            if count != 1 { $0.report("\(count) denials are left of the whole history", at: now) }
        }
        // The token is looked up next.
        await world.sleep(for: settings.longestDenial)
    }

    private func drawTokens() -> [Token] {
        let wallTime = world.wallTime
        let facts: [(Token, Ledger.Fact)] = world.draw { random in
            (0..<Int.random(in: 1...12, using: &random)).map { number in
                let expiry: Timestamp? = random.chance(30) ? wallTime.advanced(by: random.duration(.zero ... .seconds(100))) : nil
                let fact = Ledger.Fact(
                    account: Self.accounts.randomElement(using: &random)!,
                    application: Self.issuers.randomElement(using: &random)!, expiry: expiry)
                return (Token("EMAW\(number)"), fact)
            }
        }
        ledger.withLockedValue { ledger in
            for (token, fact) in facts { ledger.facts[token] = fact }
        }
        // The provider does not know the last token.
        return facts.map(\.0) + [unknownToken]
    }

    // MARK: - Callers

    private func burst(_ tokens: [Token]) {
        let count = world.draw { $0.chance(20) ? Int.random(in: 1...12, using: &$0) : 1 }
        // Each deadline of a burst may be earlier than the one before.
        let areDecreasing = world.draw { $0.chance(20) }
        for number in 0..<count {
            let request = world.draw { random in
                VerificationRequest(
                    token: tokens.randomElement(using: &random)!,
                    applicationID: random.chance(15) ? Self.applications.randomElement(using: &random) : nil,
                    maxAge: random.chance(20) ? .seconds(Int64.random(in: 1...20, using: &random)) : nil)
            }
            let timeout = world.draw { $0.chance(30) ? $0.duration(.zero ... .milliseconds(300)) : .seconds(5) }
            let decreasing: Duration = .seconds(5) - .milliseconds(300 * number)
            verify(request, deadline: Deadline(world.now.advanced(by: areDecreasing ? decreasing : timeout)))
        }
    }

    private func verify(_ request: VerificationRequest, deadline: Deadline) {
        ledger.withLockedValue { $0.openCalls += 1 }
        let cancellation = world.draw { $0.chance(10) ? $0.duration(.zero ... .milliseconds(500)) : nil }
        let cancelled = cancellation.map { world.now.advanced(by: $0) }
        let task = world.spawn { [self] in
            let call = Ledger.Call(request: request, began: world.now, deadline: deadline, cancelled: nil)
            if let verdict = cachedVerdict(for: request) {
                ledger.withLockedValue { [now = world.now, wallTime = world.wallTime] in
                    $0.count("cache hits")
                    $0.check(.success(verdict), of: call, now: now, wallTime: wallTime)
                }
                return
            }
            let outcome: Result<Verdict, VerificationError>
            do throws(VerificationError) {
                outcome = .success(try await verifier.verify(request, deadline: deadline))
            } catch {
                outcome = .failure(error)
            }
            var ended = call
            ended.cancelled = cancelled.flatMap { $0 <= world.now ? max($0, call.began) : nil }
            ledger.withLockedValue { [now = world.now, wallTime = world.wallTime] in
                $0.check(outcome, of: ended, now: now, wallTime: wallTime)
            }
        }
        if let cancelled {
            world.spawn { [world] in
                await world.sleep(until: cancelled)
                task.cancel()
            }
        }
    }

    private func exchange(_ number: Int) {
        let code = AuthorizationCode("AQ\(number)")
        let fact = world.draw {
            Ledger.Fact(
                account: Self.accounts.randomElement(using: &$0)!, application: Self.applications.randomElement(using: &$0)!,
                expiry: nil)
        }
        let token = SimulatedProvider.token(for: code)
        ledger.withLockedValue { $0.facts[token] = fact }
        for _ in 0..<world.draw({ Int.random(in: 1...3, using: &$0) }) {
            world.spawn { [self] in
                let deadline = Deadline(world.now.advanced(by: .seconds(5)))
                let request = ExchangeRequest(code: code, applicationID: fact.application)
                guard case .issued(let issued, _)? = try? await verifier.exchange(request, deadline: deadline) else { return }
                ledger.withLockedValue { $0.count("exchanges") }
                verify(VerificationRequest(token: issued), deadline: Deadline(world.now.advanced(by: .seconds(5))))
            }
        }
    }

    // MARK: - Operators

    private func revoke(_ tokens: [Token]) {
        let request = world.draw { random in
            let caller = Caller(name: ["a", "b"].randomElement(using: &random)!)
            if random.chance(60) { return RevocationRequest(.token(tokens.randomElement(using: &random)!), caller: caller) }
            let account = random.chance(30) ? Self.inventedAccount : Self.accounts.randomElement(using: &random)!
            return RevocationRequest(
                .account(account), applicationID: Self.applications.randomElement(using: &random)!, caller: caller)
        }
        world.spawn { [self] in
            let deadline = Deadline(world.now.advanced(by: .seconds(2)))
            let number = ledger.withLockedValue { $0.revocationBegan(request) }
            var failure: VerificationError?
            do throws(VerificationError) {
                try await verifier.revoke(request, deadline: deadline)
            } catch {
                failure = error
            }
            ledger.withLockedValue { [now = world.now, wallTime = world.wallTime, failure] in
                if now > deadline.instant { $0.report("a revocation after its deadline", at: now) }
                $0.revocationEnded(number, failure, now: now, wallTime: wallTime)
            }
        }
    }

    /// Revokes at the provider without telling Doorman.
    private func revokeAtProvider(_ tokens: [Token]) {
        let token = world.draw { tokens.randomElement(using: &$0)! }
        _ = provider.revoke(at: world.now) { other, _ in other == token }
    }

    /// Changes the secret that the provider accepts. An operator does that once in a while.
    private func changeSecret() async {
        await world.sleep(for: .seconds(5))
        let (application, secret) = world.draw {
            (Self.applications.randomElement(using: &$0)!, Int.random(in: 0...2, using: &$0))
        }
        provider.changeSecret(of: application, to: secret)
        ledger.withLockedValue { $0.count("changed secrets") }
    }

    private func limit() -> (SegmentBounds, SegmentBounds) {
        let bounds = world.draw { random in
            (
                SegmentBounds(entries: Int.random(in: 0...40, using: &random), bytes: Int.random(in: 0...40_000, using: &random)),
                SegmentBounds(entries: Int.random(in: 0...40, using: &random), bytes: Int.random(in: 0...40_000, using: &random))
            )
        }
        verifier.limit(valid: bounds.0, negative: bounds.1)
        return bounds
    }
}
