import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import Foundation
import Testing

@testable import DoormanDaemon

@Suite("Policy file")
struct PolicyFileTests {
    private func withFile<Value>(_ text: String, _ body: (String) throws -> Value) throws -> Value {
        let path = NSTemporaryDirectory() + "doorman-policy-\(UUID().uuidString).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private func policy(_ text: String, _ change: (inout DoormandSettings) -> Void = { _ in }) throws -> CallerPolicy {
        try withFile(text) { path in
            var settings = DoormandSettings()
            settings.policyFile = path
            change(&settings)
            return try settings.callerPolicy()
        }
    }

    /// Returns the problems of a file with this text, without the prefix `authorization.policy-file`.
    private func problems(_ text: String, _ change: (inout DoormandSettings) -> Void = { _ in }) throws -> [String] {
        do {
            _ = try policy(text, change)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map { $0.replacingOccurrences(of: "authorization.policy-file, ", with: "") }
        }
    }

    @Test("without a file the standard policy applies")
    func none() throws {
        #expect(try DoormandSettings().callerPolicy() == .standard)
    }

    @Test(
        "rules are read from YAML and JSON",
        arguments: [
            """
            - callers: [uri:spiffe://corp/web/*, dns:billing.internal, "uid:1000", ip:10.0.0.7]
              methods: [verify, exchange, revoke, accounts]
              calls-per-second: 1000
              calls-burst: 3000
              calls-in-flight: 100
              misses-per-second: 200
            - callers: any
              methods: verify
            """,
            """
            [{"callers": ["uri:spiffe://corp/web/*", "dns:billing.internal", "uid:1000", "ip:10.0.0.7"],
              "methods": ["verify", "exchange", "revoke", "accounts"], "calls-per-second": 1000, "calls-burst": 3000,
              "calls-in-flight": 100, "misses-per-second": 200}, {"callers": ["any"], "methods": ["verify"]}]
            """,
        ])
    func rules(text: String) throws {
        let policy = try policy(text)
        #expect(policy.setting == "authorization.policy-file")
        var limits = CallerQuota.Limits()
        limits.calls = RateLimit(perSecond: 1000, burst: 3000)
        limits.callsInFlight = 100
        limits.misses = RateLimit(perSecond: 200, burst: 400)
        for name in ["uri:spiffe://corp/web/shop", "dns:billing.internal", "uid:1000", "ip:10.0.0.7"] {
            #expect(
                policy.permissions(for: Caller(name: name)) == CallerPermissions([.verify, .exchange, .revoke, .accounts], limits),
                "\(name)")
        }
        #expect(policy.permissions(for: .unknown) == CallerPermissions(.verify))
    }

    @Test("a rule with an empty list of methods forbids every method")
    func noMethods() throws {
        let policy = try policy("[{callers: uid:13, methods: []}, {callers: any, methods: verify}]")
        #expect(policy.permissions(for: Caller(name: "uid:13")) == .nothing)
        #expect(policy.permissions(for: Caller(name: "uid:14")) == CallerPermissions(.verify))
    }

    @Test("every problem is reported at once, without any value")
    func manyProblems() throws {
        let secret = "EMAWsecret"
        let problems = try problems(
            """
            - callers: [uid:1, \(secret), uid:*]
              methods: [verify, \(secret)]
              calls-per-secnd: 1
              calls-burst: 2
            - \(secret)
            - callers: [uid:2, uid:1]
              methods: {verify: \(secret)}
              calls-per-second: \(secret)
              calls-in-flight: 0
              misses-per-second: [1]
            - callers: any
              methods: []
            - callers: uid:3
            """)
        let expected = [
            ("rule 1: unknown key calls-per-secnd; did you mean calls-per-second?"), ("rule 1: caller 2 must be any, ip:ADDRESS"),
            ("rule 1: caller 3 must be"), ("rule 1: method 2 must be one of verify, exchange, revoke, revoke-accounts"),
            ("rule 1: calls-burst needs calls-per-second, which is missing"),
            ("rule 2: must be a mapping with the keys callers, methods"), ("rule 3: caller 2 already matches rule 1"),
            ("rule 3: methods must be a list of"), ("rule 3: calls-per-second must be a whole number from 1 to 1000000"),
            ("rule 3: calls-in-flight must be"), ("rule 3: misses-per-second must be"),
            ("rule 5: caller 1 already matches rule 4"), ("rule 5: methods must be"),
        ]
        let lines = problems.map { $0.replacing(/(rule \d+), line \d+/) { $0.1 } }
        for (problem, text) in zip(lines, expected) { #expect(problem.hasPrefix(text), "\(problem)") }
        #expect(problems.count == expected.count, "\(problems)")
        #expect(problems.filter { $0.hasPrefix("rule 3, line 6: ") }.count == 5)
        #expect(!problems.contains { $0.contains(secret) })
    }

    @Test(
        "a caller that an earlier pattern hides is found",
        arguments: [
            ("uri:spiffe://corp/*", "uri:spiffe://corp/web", true), ("uri:spiffe://corp/*", "uri:spiffe://corp/web/*", true),
            ("uri:spiffe://corp/web/*", "uri:spiffe://corp/*", false), ("uri:spiffe://corp/*", "uri:spiffe://corpse/web", false),
            ("dns:*.internal", "dns:billing.internal", true), ("dns:*.internal", "dns:*.billing.internal", true),
            ("dns:*.billing.internal", "dns:*.internal", false), ("local", "uid:7", true), ("local", "ip:127.0.0.1", true),
            ("local", "ip:10.0.0.7", false), ("uid:7", "local", false),
        ])
    func hidden(first: String, second: String, isHidden: Bool) throws {
        try withFile("[{callers: \(first), methods: verify}, {callers: [uid:1, \(second)], methods: []}]") { path in
            let file = try PolicyFile(path)
            #expect(file.problems == [])
            let others = first == "local" ? 1 : 0
            #expect(file.hiddenCallers.count == others + (isHidden ? 1 : 0))
            if isHidden { #expect(file.hiddenCallers.last == .init(rule: 2, number: 2, hidingRule: 1)) }
            var settings = DoormandSettings()
            settings.policyFile = path
            #expect(settings.warnings(applications: 1).count == file.hiddenCallers.count)
        }
    }

    @Test("a file must be a list of 1 to 1000 rules")
    func malformedList() throws {
        let rule = "{callers: any, methods: verify}"
        for text in ["", "{}", "[]", "a", rule, "[{"] { #expect(try problems(text).count == 1, "\(text)") }
        #expect(try problems("[" + Array(repeating: rule, count: 1001).joined(separator: ",") + "]").count == 1)
        let distinct = (0..<1000).map { "{callers: uid:\($0), methods: verify}" }.joined(separator: ",")
        #expect(try problems("[\(distinct)]").isEmpty)
        #expect(try problems("[]") { $0.policyFile = "/dev/null" }.count == 1)
        #expect(
            try problems("[]") { $0.policyFile = "/no/such/file" }
                == ["authorization.policy-file: cannot read /no/such/file: no such file or directory"])
    }

    @Test("problems of the file are reported together with those of the listeners")
    func serverSettings() {
        var settings = DoormandSettings()
        settings.policyFile = "/no/such/file"
        settings.address = "nowhere"
        do throws(ConfigurationError) {
            _ = try settings.serverSettings()
            Issue.record("the settings were accepted")
        } catch {
            #expect(error.problems.count == 2)
        }
    }
}
