internal import CallerLimits
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import Yams

/// The file that `authorization.policy-file` names: a YAML or JSON list of rules. The first rule that matches a caller applies. A caller
/// that matches no rule can only call the health check.
///
///     - callers: [uri:spiffe://example.org/web/*, dns:billing.internal, uid:1000, ip:10.0.0.7]   # or any
///       methods: [verify, exchange, revoke, revoke-accounts, accounts, stats]
///       calls-per-second: 1000    # calls of all methods; default: no limit
///       calls-burst: 2000         # default: twice calls-per-second
///       calls-in-flight: 100      # waiting calls on all connections of the caller; default: authorization.calls-in-flight
///       connections: 500          # open connections of the caller; default: authorization.connections
///       misses-per-second: 200    # default: authorization.misses-per-second
///       misses-burst: 400         # default: twice misses-per-second
///       account-revocations-per-second: 1   # default: authorization.account-revocations-per-second
///       account-revocations-burst: 2        # default: twice account-revocations-per-second
///
/// The limits apply to each caller separately. Reading the file reports all problems at once.
struct PolicyFile {
    /// A rule whose values are still text.
    private struct RuleText {
        /// The number of the rule, starting at 1.
        let number: Int
        /// The prefix of messages about the rule: the setting and the rule's number.
        let name: String
        /// The values by key. A list that is malformed is missing, a number that is malformed is empty.
        var texts: [String: [String]] = [:]
    }

    /// A caller of a rule that an earlier rule matches first.
    struct HiddenCaller: Hashable {
        let rule: Int
        /// The number of the caller in its rule, starting at 1.
        let number: Int
        let hidingRule: Int
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
    private static let connections = "connections"
    private static let misses = RateKeys(perSecond: "misses-per-second", burst: "misses-burst")
    private static let accountRevocations = RateKeys(
        perSecond: "account-revocations-per-second", burst: "account-revocations-burst")
    private static let numbers = [
        calls.perSecond, calls.burst, callsInFlight, connections, misses.perSecond, misses.burst, accountRevocations.perSecond,
        accountRevocations.burst,
    ]
    private static let keys = ["callers", "methods"] + numbers
    private static let methods: [(name: String, method: MethodSet)] = [
        ("verify", .verify), ("exchange", .exchange), ("revoke", .revoke), ("revoke-accounts", .revokeAccounts),
        ("accounts", .accounts), ("stats", .statistics),
    ]

    private var rules: [CallerPolicy.Rule] = []
    private(set) var problems: [String] = []
    /// The number of the first rule with each matcher.
    private var ruleNumbers: [CallerMatcher: Int] = [:]
    /// The matchers of many callers so far, and their rules. Bounded, because each later caller is compared with them.
    private var patterns: [(matcher: CallerMatcher, rule: Int)] = []

    /// Callers of rules that no call ever reaches, although the rules are valid.
    private(set) var hiddenCallers: [HiddenCaller] = []

    /// The file's policy. Valid only if ``problems`` is empty.
    var policy: CallerPolicy { CallerPolicy(rules, setting: Self.setting) }

    /// - Throws: ``ConfigurationError`` if the file cannot be read as a list. Problems of single rules are in ``problems``.
    init(_ path: String) throws(ConfigurationError) {
        let schema = ListFile.Schema(setting: Self.setting, entry: "rule", maximumEntries: Self.maximumRules, keys: Self.keys)
        for entry in try ListFile(path, schema).entries { add(entry) }
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

    /// Returns the texts of a list. A single value counts as a list with one item. Returns `nil` for anything else.
    private static func list(_ node: Node) -> [String]? {
        if let text = node.scalar?.string { return [text] }
        guard let items = node.sequence else { return nil }
        let texts = items.compactMap(\.scalar?.string)
        return texts.count == items.count ? texts : nil
    }

    private mutating func callers(of rule: RuleText) -> [CallerMatcher] {
        let name = rule.name
        guard let texts = rule.texts["callers"], !texts.isEmpty else {
            problems.append("\(name): callers must list at least one caller: \(CallerMatcher.forms)")
            return []
        }
        var matchers: [CallerMatcher] = []
        for (index, text) in texts.enumerated() {
            guard let matcher = CallerMatcher(parsing: text) else {
                problems.append("\(name): caller \(index + 1) must be \(CallerMatcher.forms)")
                continue
            }
            if let first = ruleNumbers[matcher] ?? ruleNumbers[.any] {
                problems.append("\(name): caller \(index + 1) already matches rule \(first), and only the first match applies")
            }
            note(matcher, number: index + 1, in: rule)
            matchers.append(matcher)
        }
        return matchers
    }

    private mutating func note(_ matcher: CallerMatcher, number: Int, in rule: RuleText) {
        ruleNumbers[matcher] = ruleNumbers[matcher] ?? rule.number
        if let first = patterns.first(where: { $0.rule < rule.number && $0.matcher.includes(matcher) }) {
            hiddenCallers.append(HiddenCaller(rule: rule.number, number: number, hidingRule: first.rule))
        }
        if matcher.isPattern, patterns.count < Self.maximumRules { patterns.append((matcher, rule.number)) }
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
        for rate in [Self.calls, Self.misses, Self.accountRevocations]
        where rule.texts[rate.burst] != nil && rule.texts[rate.perSecond] == nil {
            problems.append("\(rule.name): \(rate.burst) needs \(rate.perSecond), which is missing")
        }
        var limits = CallerQuota.Limits()
        limits.calls = Self.calls.limit(from: counts)
        limits.callsInFlight = counts[Self.callsInFlight]
        limits.connections = counts[Self.connections]
        limits.misses = Self.misses.limit(from: counts)
        limits.accountRevocations = Self.accountRevocations.limit(from: counts)
        return limits
    }
}

extension DoormandSettings {
    /// Returns the policy of the file, or ``CallerPolicy/standard`` without one.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of the file.
    func callerPolicy() throws(ConfigurationError) -> CallerPolicy {
        guard !policyFile.isEmpty else { return .standard }
        let file = try PolicyFile(policyFile)
        guard file.problems.isEmpty else { throw ConfigurationError(problems: file.problems) }
        return file.policy
    }
}

extension CallerMatcher {
    /// Whether the matcher stands for several callers with a common prefix, suffix or place.
    fileprivate var isPattern: Bool {
        switch self {
        case .any, .one: false
        case .uris, .dnsNames, .local: true
        }
    }

    /// Returns whether a pattern matches every caller that another matcher matches.
    fileprivate func includes(_ other: CallerMatcher) -> Bool {
        switch (self, other) {
        case (_, .one(let caller)): matches(caller)
        case (.uris(let beginning), .uris(let longer)): longer != beginning && longer.hasPrefix(beginning)
        case (.dnsNames(let end), .dnsNames(let longer)): longer != end && longer.hasSuffix(end)
        default: false
        }
    }
}
