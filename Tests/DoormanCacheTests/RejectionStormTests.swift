import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanCache

@Suite("Rejection storms")
struct RejectionStormTests {
    /// A scene with tokens of accounts `0`, `1`, … that the provider calls valid unless they are in ``bad``.
    private struct StormScene {
        let scene: Scene
        let bad = NIOLockedValueBox<Set<String>>([])

        init(_ change: (inout CacheSettings) -> Void = { _ in }) async throws {
            scene = try Scene(change)
            scene.provider.script { [bad] request in
                let name = String(decoding: request.token.bytes.dropFirst(4), as: UTF8.self)
                let account = String(name.prefix { $0 != "." })
                return bad.withLockedValue { $0.contains(account) }
                    ? .success(.rejectedToken) : .success(.valid(.sample(account: account)))
            }
        }

        func verify(_ name: String) async throws(VerificationError) -> String {
            switch try await scene.verify(Token("EMAW\(name)"), maxAge: nil) {
            case .valid(let identity): "\(identity.freshness)"
            case .rejected(let rejection): "\(rejection.reason)"
            case .forbidden(let forbidden): "\(forbidden.reason)"
            }
        }

        /// Verifies the tokens of accounts, and returns the number of each outcome.
        func verifyAll(_ accounts: Range<Int>) async -> [String: Int] {
            var outcomes: [String: Int] = [:]
            for account in accounts {
                do throws(VerificationError) {
                    outcomes[try await verify("\(account)"), default: 0] += 1
                } catch {
                    outcomes["\(error.code)", default: 0] += 1
                }
            }
            return outcomes
        }

        func reject(_ accounts: Range<Int>) {
            bad.withLockedValue { $0 = Set(accounts.map(String.init)) }
        }
    }

    @Test("when more than half of twenty known accounts are rejected, the others stay")
    func storm() async throws {
        let storm = try await StormScene()
        #expect(await storm.verifyAll(0..<100) == ["fresh": 100])
        storm.reject(0..<100)
        storm.scene.clock.advance(by: .seconds(61))
        // The first nineteen are believed.
        #expect(await storm.verifyAll(0..<100) == ["tokenRejected": 19, "stale": 81])
        #expect(storm.scene.verifier.statistics.rejectionStorms == 1)
        #expect(try await storm.verify("5.unknown") == "tokenRejected", "an unknown token is rejected")
        storm.reject(0..<0)
        storm.scene.clock.advance(by: .seconds(2))
        #expect(await storm.verifyAll(19..<100) == ["fresh": 81])
    }

    @Test("the rejections of a storm are believed after a minute")
    func believed() async throws {
        let storm = try await StormScene()
        _ = await storm.verifyAll(0..<60)
        storm.reject(0..<60)
        storm.scene.clock.advance(by: .seconds(61))
        #expect(await storm.verifyAll(0..<60) == ["tokenRejected": 19, "stale": 41])
        for _ in 0..<6 {
            storm.scene.clock.advance(by: .seconds(9))
            #expect(await storm.verifyAll(19..<60) == ["stale": 41])
        }
        storm.scene.clock.advance(by: .seconds(9))
        #expect(await storm.verifyAll(19..<60) == ["tokenRejected": 41])
        #expect(storm.scene.verifier.statistics.rejectionStorms == 1)
    }

    @Test("no entry outlives stale-if-error in a storm")
    func staleIfError() async throws {
        let storm = try await StormScene {
            $0.staleIfError = .seconds(20)
            $0.rejectionStorm.duration = .seconds(3600)
        }
        _ = await storm.verifyAll(0..<40)
        storm.reject(0..<40)
        storm.scene.clock.advance(by: .seconds(61))
        #expect(await storm.verifyAll(0..<40) == ["tokenRejected": 19, "stale": 21])
        storm.scene.clock.advance(by: .seconds(20))
        #expect(await storm.verifyAll(19..<40) == ["tokenRejected": 21])
    }

    @Test("a storm ends when half of the accounts are valid again")
    func recovered() async throws {
        let storm = try await StormScene()
        _ = await storm.verifyAll(0..<60)
        storm.reject(0..<60)
        storm.scene.clock.advance(by: .seconds(61))
        _ = await storm.verifyAll(0..<60)
        storm.reject(19..<39)
        storm.scene.clock.advance(by: .seconds(9))
        let outcomes = await storm.verifyAll(19..<60)
        #expect(outcomes == ["stale": 20, "fresh": 21])
        storm.scene.clock.advance(by: .seconds(2))
        #expect(await storm.verifyAll(19..<39) == ["tokenRejected": 20], "later rejections are believed")
    }

    @Test("fewer than twenty accounts are no storm, however many tokens they have")
    func fewAccounts() async throws {
        let storm = try await StormScene()
        for account in 0..<19 {
            for number in 0..<5 { _ = try await storm.verify("\(account).\(number)") }
        }
        storm.reject(0..<19)
        storm.scene.clock.advance(by: .seconds(61))
        for account in 0..<19 {
            for number in 0..<5 { #expect(try await storm.verify("\(account).\(number)") == "tokenRejected") }
        }
        #expect(storm.scene.verifier.statistics.rejectionStorms == 0)
    }

    @Test("half of the accounts, or rejections spread over minutes, are no storm", arguments: [1, 0])
    func ordinary(_ spread: Int) async throws {
        let storm = try await StormScene()
        _ = await storm.verifyAll(0..<100)
        storm.reject(spread == 0 ? 0..<50 : 0..<100)
        storm.scene.clock.advance(by: .seconds(61))
        var rejected = 0
        for account in 0..<50 {
            // Valid and rejected accounts in turn, or rejected accounts only.
            if spread == 0 { #expect(try await storm.verify("\(account + 50)") == "fresh") }
            rejected += try await storm.verify("\(account)") == "tokenRejected" ? 1 : 0
            storm.scene.clock.advance(by: .seconds(spread))
        }
        #expect(rejected == 50)
        #expect(storm.scene.verifier.statistics.rejectionStorms == 0)
    }

    @Test("a revoked token is denied in a storm")
    func revoked() async throws {
        let storm = try await StormScene()
        _ = await storm.verifyAll(0..<60)
        storm.reject(0..<60)
        storm.scene.clock.advance(by: .seconds(61))
        _ = await storm.verifyAll(0..<60)
        try await storm.scene.verifier.revoke(RevocationRequest(.token(Token("EMAW50"))), deadline: storm.scene.deadline)
        #expect(try await storm.verify("50") == "tokenRejected")
        #expect(try await storm.verify("51") == "stale")
    }

    @Test("a storm around the threshold is one storm, which ends in time")
    func aroundThreshold() {
        var storm = RejectionStorm(settings: RejectionStormSettings())
        var now = Instant(nanoseconds: 0)
        var events: [RejectionStormEvent] = []
        var believed = 0
        for number in 0..<6_000 {
            now = now.advanced(by: .milliseconds(20))
            let result = storm.record(accountID: "\(number % 40)", isRejected: number % 40 < 20 || number % 80 == 30, at: now)
            if let event = result.event { events.append(event) }
            if now.nanoseconds > 70_000_000_000, result.isBelieved { believed += 1 }
        }
        #expect(events.count <= 4, "\(events)")
        #expect(events.filter { if case .began = $0 { true } else { false } }.count == 1)
        #expect(believed > 2_000, "\(believed)")
    }

    @Test("a second incident after a silence needs twenty accounts again, and is protected again", arguments: [30, 90])
    func secondIncident(silence: Int) {
        var storm = RejectionStorm(settings: RejectionStormSettings())
        var now = Instant(nanoseconds: 0)
        for _ in 0..<2 {
            for number in 0..<19 { #expect(storm.record(accountID: "\(number)", isRejected: true, at: now).isBelieved) }
            #expect(storm.record(accountID: "19", isRejected: true, at: now).event == .began(rejected: 20, checked: 20))
            now = now.advanced(by: .seconds(silence))
        }
    }

    @Test("a storm that ends in a silence has an end in the log")
    func fadedStorm() {
        var storm = RejectionStorm(settings: RejectionStormSettings())
        let start = Instant(nanoseconds: 0)
        let events = (0..<25).compactMap { storm.record(accountID: "\($0)", isRejected: true, at: start).event }
        #expect(events == [.began(rejected: 20, checked: 20)])
        let later = storm.record(accountID: "1", isRejected: false, at: start.advanced(by: .seconds(30)))
        #expect(later.event == .faded(after: .seconds(30), rejected: 6))
        #expect(storm.record(accountID: "2", isRejected: false, at: start.advanced(by: .seconds(60))).event == nil)
    }

    @Test("the window forgets, counts accounts once, and is bounded")
    func window() {
        var storm = RejectionStorm(settings: RejectionStormSettings())
        var now = Instant(nanoseconds: 0)
        for number in 0..<100_000 {
            now = now.advanced(by: .microseconds(100))
            _ = storm.record(accountID: "\(number)", isRejected: true, at: now)
        }
        // Long after, nineteen accounts are too few again.
        now = now.advanced(by: .seconds(100))
        _ = storm.record(accountID: "valid", isRejected: false, at: now)
        for number in 0..<18 {
            #expect(storm.record(accountID: "\(number)", isRejected: true, at: now).isBelieved)
        }
        for _ in 0..<10 { #expect(storm.record(accountID: "1", isRejected: true, at: now).isBelieved) }
        #expect(storm.record(accountID: "new", isRejected: true, at: now).event == .began(rejected: 19, checked: 20))
    }
}
