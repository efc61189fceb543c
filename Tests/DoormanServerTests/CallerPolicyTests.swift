import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import Testing

@Suite("The caller policy")
struct CallerPolicyTests {
    private static let all: MethodSet = [.verify, .exchange, .revoke, .accounts, .statistics]

    private func pattern(_ text: String) throws -> CallerMatcher {
        try #require(CallerMatcher(parsing: text), "\(text)")
    }

    private func policy(_ rules: [([String], MethodSet)]) throws -> CallerPolicy {
        CallerPolicy(
            try rules.map { callers, methods in CallerPolicy.Rule(try callers.map(pattern), CallerPermissions(methods)) },
            setting: "test")
    }

    @Test("the first rule that matches a caller applies")
    func firstRule() throws {
        let policy = try policy([
            (["uri:spiffe://corp/ns/web/admin"], .accounts),
            (["uri:spiffe://corp/ns/web/*", "dns:*.billing.internal"], .verify),
            (["uri:spiffe://corp/ns/web/late", "uid:0", "ip:10.0.0.7", "dns:billing.internal"], .revoke),
            (["uri:spiffe://corp/*"], [.verify, .exchange]),
            (["uid:0"], Self.all),
        ])
        for (name, methods) in [
            ("uri:spiffe://corp/ns/web/admin", .accounts), ("uri:spiffe://corp/ns/web/shop", .verify),
            ("uri:spiffe://corp/ns/web/late", .verify), ("uri:spiffe://corp/ns/web/a/b", .verify),
            ("uri:spiffe://corp/ns/web/", [.verify, .exchange]), ("uri:spiffe://corp/ns/web", [.verify, .exchange]),
            ("uri:spiffe://corp/ns/webshop", [.verify, .exchange]), ("uri:spiffe://corporation/a", []),
            ("uri:SPIFFE://corp/ns/web/shop", []), ("dns:a.billing.internal", .verify), ("dns:a.b.billing.internal", .verify),
            ("dns:billing.internal", .revoke), ("dns:xbilling.internal", []), ("uri:x://y.billing.internal", []),
            ("uid:0", .revoke), ("uid:00", []), ("uid:1", []), ("ip:10.0.0.7", .revoke), ("ip:10.0.0.70", []), ("unknown", []),
        ] as [(String, MethodSet)] {
            #expect(policy.permissions(for: Caller(name: name)).methods == methods, "\(name)")
        }
    }

    @Test("the pattern any matches every caller")
    func any() throws {
        let policy = try policy([(["uid:0"], .accounts), (["any"], .verify), (["uid:1"], .accounts)])
        for (name, methods) in [
            ("uid:0", .accounts), ("uid:1", .verify), ("unknown", .verify), ("dns:a", .verify),
        ] as [(String, MethodSet)] {
            #expect(policy.permissions(for: Caller(name: name)).methods == methods, "\(name)")
        }
    }

    @Test(
        "by default callers on this machine may also exchange, revoke tokens and read statistics, and no caller may touch accounts")
    func standard() {
        let policy = CallerPolicy.standard
        for name in ["uid:0", "uid:1", "ip:127.0.0.1", "ip:127.9.9.9", "ip:::1"] {
            let methods: MethodSet = [.verify, .exchange, .revoke, .statistics]
            #expect(policy.permissions(for: Caller(name: name)) == CallerPermissions(methods), "\(name)")
        }
        for name in ["ip:10.0.0.7", "ip:::12", "ip:12.7.0.1", "dns:uid.internal", "uri:ip:127.0.0.1", "unknown"] {
            #expect(policy.permissions(for: Caller(name: name)) == CallerPermissions(.verify), "\(name)")
        }
    }

    @Test("a caller gets the limits of its rule")
    func limits() throws {
        var limits = CallerQuota.Limits()
        limits.callsInFlight = 7
        limits.calls = RateLimit(perSecond: 1, burst: 2)
        let policy = CallerPolicy([.init([try pattern("dns:*.a")], CallerPermissions(.verify, limits))], setting: "test")
        #expect(policy.permissions(for: Caller(name: "dns:b.a")).limits == limits)
        #expect(policy.permissions(for: Caller(name: "dns:a")) == .nothing)
    }

    @Test("all spellings of a pattern are equal")
    func parsing() throws {
        #expect(try pattern("any") == .any)
        #expect(try pattern("local") == .local)
        #expect(try pattern("ip:0:0:0:0:0:0:0:1") == .one(Caller(name: "ip:127.0.0.1")))
        #expect(try pattern("dns:Billing.Internal") == .one(Caller(name: "dns:billing.internal")))
        #expect(try pattern("dns:*.Billing.Internal") == .dnsNames(ending: ".billing.internal"))
        #expect(try pattern("uri:spiffe://corp/*") == .uris(beginning: "uri:spiffe://corp/"))
    }

    @Test(
        "any other text is no pattern",
        arguments: [
            "", "*", "all", "Any", "Local", "unknown", "uid:*", "ip:10.0.0.*", "ip:*", "dns:*", "dns:*.", "dns:*.*.a", "dns:a.*",
            "dns:*a.b", "dns:*.a b", "uri:*", "uri:/*", "uri:spiffe://corp*", "uri:spiffe://*/a",
            "uri:spiffe://*/a/*", "uri:a b:/*", "uid:-1", "uri:spiffe://corp/**",
        ])
    func invalid(text: String) {
        #expect(CallerMatcher(parsing: text) == nil)
    }
}
