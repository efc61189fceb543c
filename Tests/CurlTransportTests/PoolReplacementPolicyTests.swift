import Testing

@testable import CurlTransport

@Suite("The replacement of connections")
struct PoolReplacementPolicyTests {
    private static let start = ContinuousClock.now

    private func settings() -> CurlTransport.Settings {
        var settings = CurlTransport.Settings()
        settings.connectTimeout = .seconds(1)
        settings.maximumConnectionLifetime = .seconds(300)
        settings.timeoutsUntilReconnect = 2
        return settings
    }

    private func reason(_ history: String, age: Duration) -> PoolReplacementPolicy.Reason? {
        var policy = PoolReplacementPolicy(start: Self.start)
        for event in history {
            if event == "t" { policy.noteTimeout() } else { policy.noteResponse() }
        }
        return policy.reason(at: Self.start.advanced(by: age), settings())
    }

    @Test(
        "only time-outs in a row replace connections",
        arguments: [("", false), ("t", false), ("tt", true), ("tat", false), ("tata", false), ("atatt", true), ("tttttta", false)])
    func timeouts(history: String, isReplaced: Bool) {
        #expect(reason(history, age: .seconds(10)) == (isReplaced ? .timeouts : nil))
    }

    @Test("time-outs replace connections no sooner than the connect timeout")
    func minimumAge() {
        #expect(reason("tttt", age: .milliseconds(999)) == nil)
        #expect(reason("tttt", age: .seconds(1)) == .timeouts)
    }

    @Test("connections are replaced at the end of their lifetime")
    func age() {
        #expect(reason("aaaa", age: .milliseconds(299_999)) == nil)
        #expect(reason("aaaa", age: .seconds(300)) == .age)
        #expect(reason("", age: .seconds(3000)) == .age)
        #expect(reason("tt", age: .seconds(300)) == .timeouts)
    }
}
