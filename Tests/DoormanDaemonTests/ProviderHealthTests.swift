import AccountKit
import ProviderHTTP
import Testing

@testable import DoormanDaemon

@Suite("What requests show about the provider")
struct ProviderHealthTests {
    @Test(
        "a caller with little time left shows no outage",
        arguments: [(Duration.milliseconds(5), UInt64(0)), (.milliseconds(499), 0), (.milliseconds(500), 1), (.seconds(2), 1)])
    func shortDeadline(took: Duration, failures: UInt64) {
        let health = ProviderHealth(slowCall: .milliseconds(500))
        health.record(AccountKitEndpoint.accounts.endpoint, .failed(.deadlineExceeded), took)
        #expect(health.current.failures == failures)
        #expect(health.current.hasFailedLast == (failures > 0))
    }

    @Test("a time-out of the request itself shows an outage, however short it is")
    func timeout() {
        let health = ProviderHealth(slowCall: .milliseconds(500))
        health.record(AccountKitEndpoint.me.endpoint, .failed(.timedOut), .milliseconds(5))
        #expect(health.current.failures == 1)
    }

    @Test(
        "a document of keys that can't be used shows neither an outage nor an odd response",
        arguments: [ResponseKind.malformed, .notJSON])
    func keys(kind: ResponseKind) {
        let health = ProviderHealth(slowCall: .milliseconds(500))
        health.record(ProviderEndpoint("keys", .fetchesKeys), .answered(kind, status: 200), .milliseconds(5))
        #expect(health.current.failures == 0 && health.current.unexpected == 0 && health.current.successes == 0)
        health.record(ProviderEndpoint("introspect"), .answered(kind, status: 200), .milliseconds(5))
        #expect(health.current.failures + health.current.unexpected == 1)
    }
}
