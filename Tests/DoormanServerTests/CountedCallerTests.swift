import CallerLimits
import DoormanCore
import DoormanSupport
import DoormanWire
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanServer

@Suite("The caller that the limits count")
struct CountedCallerTests {
    @Test(
        "an IPv6 address counts as its network",
        arguments: [
            ("ip:2001:db8:1:2:3:4:5:6", 64, "ip:2001:db8:1:2:0:0:0:0/64"),
            ("ip:2001:db8:1:2:ffff::", 64, "ip:2001:db8:1:2:0:0:0:0/64"),
            ("ip:2001:db8:1:3::1", 64, "ip:2001:db8:1:3:0:0:0:0/64"), ("ip:2001:db8:1:ff::1", 56, "ip:2001:db8:1:0:0:0:0:0/56"),
            ("ip:ffff:ffff::1", 1, "ip:8000:0:0:0:0:0:0:0/1"), ("ip:fe80::1", 128, "ip:fe80:0:0:0:0:0:0:1/128"),
            ("ip:10.0.0.7", 64, "ip:10.0.0.7"), ("uid:1000", 64, "uid:1000"), ("uri:spiffe://a/b", 64, "uri:spiffe://a/b"),
            ("dns:a.b", 64, "dns:a.b"), ("unknown", 64, "unknown"),
        ])
    func network(name: String, prefixLength: Int, counted: String) {
        #expect(Caller(name: name).counted(ipv6PrefixLength: prefixLength).name == counted)
    }

    @Test("cache misses and revocations are charged to the network of a caller")
    func charged() throws {
        let charged = NIOLockedValueBox<[Caller]>([])
        let backend = ScriptedBackend(
            provider: ScriptedProvider(), cache: .init(),
            chargeMiss: { caller, _, _ in
                charged.withLockedValue { $0.append(caller) }
                return .seconds(1)
            })
        var settings = ServerSettings()
        settings.ipv6PrefixLength = 48
        let dispatcher = RequestDispatcher(
            backend: backend, policy: .standard, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 10), settings: settings)
        let caller = dispatcher.context(for: Caller(name: "ip:2001:db8:1:2::7"))
        var read = RequestContext(caller: caller, now: backend.timeSource.now(), isDraining: false)
        let data = try RequestEncoder.encode(VerificationRequest(token: Token("new")), timeout: nil)
        _ = dispatcher.decide(data.span, prefetched: nil, in: &read)
        #expect(charged.withLockedValue { $0 } == [Caller(name: "ip:2001:db8:1:0:0:0:0:0/48")])
    }
}
