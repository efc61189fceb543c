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

    @Test(
        "a caller that only its address names is in a network",
        arguments: [
            ("ip:10.1.2.3", "ip:10.1.2.0/24"), ("ip:10.1.3.3", "ip:10.1.3.0/24"), ("ip:127.0.0.2", "ip:127.0.0.0/24"),
            ("ip:2001:db8:1:2:0:0:0:0/64", "ip:2001:db8:1:0:0:0:0:0/48"),
            ("ip:2001:db8:1:ffff:1:2:3:4", "ip:2001:db8:1:0:0:0:0:0/48"),
            ("ip:127.0.0.1", nil), ("uid:1000", nil), ("uri:spiffe://a/b", nil), ("dns:a.b", nil), ("unknown", nil),
        ])
    func second(name: String, network: String?) {
        #expect(Caller(name: name).network(ipv4PrefixLength: 24, ipv6PrefixLength: 48)?.name == network)
    }

    @Test("the error names the setting of the limit that is exceeded", arguments: [RateLimitExceeded.Subject.caller, .network])
    func message(subject: RateLimitExceeded.Subject) {
        let dispatcher = RequestDispatcher(
            backend: ScriptedBackend(provider: ScriptedProvider(), cache: .init()), policy: .standard,
            quotas: CallerQuotaRegistry(maximumCallers: 1), inFlight: InFlightCounter(maximum: 10), settings: ServerSettings())
        let exceeded = LimitExceeded(cacheMisses: RateLimitExceeded(subject, retryAfter: .seconds(1)))
        let response = exceeded.response(to: dispatcher.context(for: Caller(name: "ip:10.0.0.7")), setting: "a policy")
        #expect(response.failure == .tooManyMisses)
        #expect(response.retryAfter == .seconds(1))
        let expected =
            switch subject {
            case .caller: "caller ip:10.0.0.7 exceeded its rate limit for cache misses (authorization.misses-per-second)"
            case .network:
                "the network of caller ip:10.0.0.7 exceeded its rate limit for cache misses (authorization.network-misses-per-second)"
            }
        #expect(response.message == expected)
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

    @Test("a lookup and an exchange carry the caller that pays for their provider requests")
    func carried() throws {
        let backend = ScriptedBackend(provider: ScriptedProvider(), cache: .init())
        let dispatcher = RequestDispatcher(
            backend: backend, policy: .standard, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 10), settings: ServerSettings())
        let caller = dispatcher.context(for: Caller(name: "ip:127.0.0.1"))
        var read = RequestContext(caller: caller, now: backend.timeSource.now(), isDraining: false)
        for data in [
            try RequestEncoder.encode(VerificationRequest(token: Token("new")), timeout: nil),
            try RequestEncoder.encode(ExchangeRequest(code: AuthorizationCode("code")), timeout: nil),
        ] {
            switch dispatcher.decide(data.span, prefetched: nil, in: &read) {
            case .asynchronous(.verify(let call), _): #expect(call.caller == caller.counted)
            case .asynchronous(.exchange(let request), _): #expect(request.caller == caller.counted)
            default: Issue.record("no call was started")
            }
        }
    }
}
