internal import CallerLimits
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import Yams

/// The file that `authorization.policy-file` names: a list of rules in YAML or JSON. The first rule that matches a caller counts. A caller
/// that matches no rule may call nothing.
///
///     - callers: [uri:spiffe://example.org/web/*, dns:billing.internal, uid:1000, ip:10.0.0.7]   # or any
///       methods: [verify, exchange, revoke, accounts, stats]
///       calls-per-second: 1000    # of any kind; absent: no limit
///       calls-burst: 2000         # absent: twice as many as in a second
///       calls-in-flight: 100      # calls that wait, over all connections of a caller; absent: no limit
///       misses-per-second: 200    # absent: authorization.misses-per-second
///       misses-burst: 400         # absent: twice as many as in a second
///
/// Each caller has limits of its own. All mistakes are found in one go.
struct PolicyFile {
    /// A rule as it is written.
    private struct RuleText {
        /// From 1.
        let number: Int
        /// The setting and the rule, with which messages begin.
        let name: String
        /// The values by their keys. A value of the wrong shape is left out, or, in place of a number, empty.
        var texts: [String: [String]] = [:]
    }

    /// The keys of a rate limit.
    private struct RateKeys {
        let perSecond: String
        let burst: String

        func limit(from counts: [String: Int]) -> RateLimit? {
            counts[perSecond].map { RateLimit(perSecond: $0, burst: counts[burst] ?? min(2 * $0, 1_000_000)) }
        }
    }

    static let maximumRules = 1000
    static let setting = "authorization.policy-file"
    private static let calls = RateKeys(perSecond: "calls-per-second", burst: "calls-burst")
    private static let callsInFlight = "calls-in-flight"
    private static let misses = RateKeys(perSecond: "misses-per-second", burst: "misses-burst")
    private static let numbers = [calls.perSecond, calls.burst, callsInFlight, misses.perSecond, misses.burst]
    private static let keys = ["callers", "methods"] + numbers
    private static let methods: [(name: String, method: MethodSet)] = [
        ("verify", .verify), ("exchange", .exchange), ("revoke", .revoke), ("accounts", .accounts), ("stats", .statistics),
    ]

    private var rules: [CallerPolicy.Rule] = []
    private(set) var problems: [String] = []
    /// The number of the first rule for each matcher.
    private var ruleNumbers: [CallerMatcher: Int] = [:]

    /// The file's policy. It means nothing while there are ``problems``.
    var policy: CallerPolicy { CallerPolicy(rules, setting: Self.setting) }

    /// - Throws: ``ConfigurationError`` if the file can't be read as a list. Mistakes in its rules are in ``problems``.
    init(_ path: String) throws(ConfigurationError) {
        let form = ListFile.Form(setting: Self.setting, entry: "rule", maximumEntries: Self.maximumRules, keys: Self.keys)
        for entry in try ListFile(path, form).entries { add(entry) }
    }

    private mutating func add(_ entry: ListFile.Entry) {
        problems += entry.problems
        guard let values = entry.values else { return }
        var rule = RuleText(number: entry.number, name: entry.name)
        for (key, node) in values {
            rule.texts[key] = Self.numbers.contains(key) ? node.scalar.map { [$0.string] } ?? [] : Self.list(node)
        }
        let (callers, methods, limits) = (callers(of: rule), methods(of: rule), limits(of: rule))
        rules.append(CallerPolicy.Rule(callers, CallerPermissions(methods, limits)))
    }

    /// Returns the texts of a list, or of a single value, which stands for a list of one. Returns `nil` for anything else.
    private static func list(_ node: Node) -> [String]? {
        if let text = node.scalar?.string { return [text] }
        guard let items = node.sequence else { return nil }
        let texts = items.compactMap(\.scalar?.string)
        return texts.count == items.count ? texts : nil
    }

    private mutating func callers(of rule: RuleText) -> [CallerMatcher] {
        let name = rule.name
        guard let texts = rule.texts["callers"], !texts.isEmpty else {
            problems.append("\(name): callers must be a list of one or more: \(CallerMatcher.forms)")
            return []
        }
        var matchers: [CallerMatcher] = []
        for (index, text) in texts.enumerated() {
            guard let matcher = CallerMatcher(parsing: text) else {
                problems.append("\(name): caller \(index + 1) must be \(CallerMatcher.forms)")
                continue
            }
            if let first = ruleNumbers[matcher] ?? ruleNumbers[.any] {
                problems.append("\(name): caller \(index + 1) is meant by rule \(first) already, and the first rule counts")
            }
            ruleNumbers[matcher] = ruleNumbers[matcher] ?? rule.number
            matchers.append(matcher)
        }
        return matchers
    }

    private mutating func methods(of rule: RuleText) -> MethodSet {
        let (name, known) = (rule.name, Self.methods.map(\.name))
        guard let texts = rule.texts["methods"] else {
            problems.append("\(name): methods must be a list of \(known.joined(separator: ", ")), or [] for none")
            return []
        }
        var methods: MethodSet = []
        for (index, text) in texts.enumerated() {
            guard let method = Self.methods.first(where: { $0.name == text })?.method else {
                problems.append("\(name): method \(index + 1) must be one of \(known.joined(separator: ", "))")
                continue
            }
            methods.insert(method)
        }
        return methods
    }

    private mutating func limits(of rule: RuleText) -> CallerQuota.Limits {
        var counts: [String: Int] = [:]
        for key in Self.numbers {
            guard let texts = rule.texts[key] else { continue }
            do throws(InvalidValueError) {
                counts[key] = try Units.count(texts.first ?? "", in: 1...1_000_000)
            } catch {
                problems.append("\(rule.name): \(key) \(error.expectation)")
            }
        }
        for rate in [Self.calls, Self.misses] where rule.texts[rate.burst] != nil && rule.texts[rate.perSecond] == nil {
            problems.append("\(rule.name): \(rate.burst) is for \(rate.perSecond), which is not there")
        }
        var limits = CallerQuota.Limits()
        limits.calls = Self.calls.limit(from: counts)
        limits.callsInFlight = counts[Self.callsInFlight]
        limits.misses = Self.misses.limit(from: counts)
        return limits
    }
}

extension DoormandSettings {
    /// Returns the policy of the file. Without a file, every caller may call all but the accounts' methods.
    ///
    /// - Throws: ``ConfigurationError`` with all mistakes in the file.
    func callerPolicy() throws(ConfigurationError) -> CallerPolicy {
        guard !policyFile.isEmpty else { return .open(accountsCallers: server.accountsCallers) }
        var problems: [String] = []
        if !server.accountsCallers.isEmpty {
            problems.append("server.accounts-callers: is for a server without \(PolicyFile.setting); with one, say it there")
        }
        do throws(ConfigurationError) {
            let file = try PolicyFile(policyFile)
            problems += file.problems
            if problems.isEmpty { return file.policy }
        } catch {
            problems += error.problems
        }
        throw ConfigurationError(problems: problems)
    }
}
