import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanClient

@Suite("hedging")
struct HedgingTests {
    let start = Instant(nanoseconds: 1_000_000_000)

    @Test("only a verify is due for a hedge, once")
    func due() {
        var hedging = Hedging(after: .milliseconds(10), ratio: 1)
        let verify = ClientCall.sample()
        hedging.sent(verify, at: start)
        hedging.sent(.sample(operation: .health(service: "")), at: start)
        hedging.sent(.sample(operation: .exchange(ExchangeRequest(code: AuthorizationCode("AQ")))), at: start)
        #expect(hedging.nextDue(at: start.advanced(by: .milliseconds(9))) == nil)
        #expect(hedging.nextDue(at: start.advanced(by: .milliseconds(10))) === verify)
        #expect(hedging.nextDue(at: start.advanced(by: .seconds(10))) == nil)
    }

    @Test("hedging is off by default")
    func off() {
        var hedging = Hedging(after: nil, ratio: 1)
        hedging.sent(.sample(), at: start)
        #expect(hedging.nextDue(at: start.advanced(by: .seconds(1000))) == nil)
    }

    @Test("the ratio of hedged calls is limited, with a balance of at most ten")
    func cap() {
        var hedging = Hedging(after: .milliseconds(10), ratio: 0.05)
        var hedged = 0
        for _ in 0..<1000 {
            hedging.sent(.sample(), at: start)
            if hedging.withdraw() { hedged += 1 }
        }
        #expect((50...51).contains(hedged))
        for _ in 0..<100_000 { hedging.sent(.sample(), at: start) }
        hedged = 0
        while hedging.withdraw() { hedged += 1 }
        #expect(hedged == 10)
    }
}
