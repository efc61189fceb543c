internal import CallerLimits
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import Yams

/// The file that `server.policy-file` names: a list of rules in YAML or JSON. The first that is for a caller counts; one whom none is
/// for may call nothing.
///
///     - callers: [uri:spiffe://example.org/web/*, dns:billing.internal, uid:1000, ip:10.0.0.7]   # or any
///       methods: [verify, exchange, revoke, accounts, stats]
///       calls-per-second: 1000    # of any kind; absent: no limit
///       saved-calls: 2000         # absent: twice as many as in a second
///       calls-in-flight: 100      # that wait, over all connections of one caller; absent: no limit
///       misses-per-second: 200    # absent: caller.misses-per-second
///       saved-misses: 400         # absent: twice as many as in a second
///
/// Limits are each caller's own. All that is wrong is found in one go.
struct PolicyFile {
    static let maximumRules = 1000
    static let setting = "server.policy-file"
    private static let numbers = ["calls-per-second", "saved-calls", "calls-in-flight", "misses-per-second", "saved-misses"]
    private static let keys = ["callers", "methods"] + numbers
    private static let methods: [(name: String, method: MethodSet)] = [
        ("verify", .verify), ("exchange", .exchange), ("revoke", .revoke), ("accounts", .accounts), ("stats", .statistics),
    ]

    private var rules: [CallerPolicy.Rule] = []
    private(set) var problems: [String] = []
    /// Where each caller, or pattern, was named first.
    private var namedBy: [CallerMatcher: Int] = [:]

    /// What the file says, if there are no problems.
    var policy: CallerPolicy { CallerPolicy(rules, setting: Self.setting) }

    /// - Throws: ``ConfigurationError`` if the file can't be read as a list. What is wrong with its rules is in ``problems``.
    init(_ path: String) throws(ConfigurationError) {
        let form = ListFile.Form(setting: Self.setting, entry: "rule", maximumEntries: Self.maximumRules, keys: Self.keys)
        for entry in try ListFile(path, form).entries { add(entry) }
    }

    private mutating func add(_ entry: ListFile.Entry) {
        problems += entry.problems
        guard let values = entry.values else { return }
        var texts: [String: [String]] = [:]
        for (key, node) in values {
            texts[key] = Self.numbers.contains(key) ? node.scalar.map { [$0.string] } ?? [] : Self.list(node)
        }
        let callers = callers(texts["callers"], entry)
        let methods = methods(texts["methods"], entry.name)
        rules.append(CallerPolicy.Rule(callers, CallerPermissions(methods, limits(texts, entry.name))))
    }

    /// A single value does for a list of one.
    ///
    /// - Returns: Nil for what is no list of plain values.
    private static func list(_ node: Node) -> [String]? {
        if let text = node.scalar?.string { return [text] }
        guard let texts = node.sequence?.map({ $0.scalar?.string }), !texts.contains(nil) else { return nil }
        return texts.compactMap(\.self)
    }

    private mutating func callers(_ texts: [String]?, _ rule: ListFile.Entry) -> [CallerMatcher] {
        let name = rule.name
        guard let texts, !texts.isEmpty else {
            problems.append("\(name): callers must be a list of one or more: \(CallerMatcher.forms)")
            return []
        }
        var patterns: [CallerMatcher] = []
        for (index, text) in texts.enumerated() {
            guard let pattern = CallerMatcher(parsing: text) else {
                problems.append("\(name): caller \(index + 1) must be \(CallerMatcher.forms)")
                continue
            }
            if let first = namedBy[pattern] ?? namedBy[.any] {
                problems.append("\(name): caller \(index + 1) is meant by rule \(first) already, and the first rule counts")
            }
            namedBy[pattern] = namedBy[pattern] ?? rule.number
            patterns.append(pattern)
        }
        return patterns
    }

    private mutating func methods(_ texts: [String]?, _ name: String) -> MethodSet {
        let known = Self.methods.map(\.name)
        guard let texts else {
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

    private mutating func limits(_ texts: [String: [String]], _ name: String) -> CallerQuota.Limits {
        var counts: [String: Int] = [:]
        for key in Self.numbers {
            guard let text = texts[key] else { continue }
            do throws(InvalidValueError) {
                counts[key] = try Units.count(text.first ?? "", in: 1...1_000_000)
            } catch {
                problems.append("\(name): \(key) \(error.expectation)")
            }
        }
        var limits = CallerQuota.Limits()
        limits.calls = rate("calls-per-second", "saved-calls", texts, counts, name)
        limits.callsInFlight = counts["calls-in-flight"]
        limits.misses = rate("misses-per-second", "saved-misses", texts, counts, name)
        return limits
    }

    private mutating func rate(
        _ perSecond: String, _ saved: String, _ texts: [String: [String]], _ counts: [String: Int], _ name: String
    ) -> RateLimit? {
        if texts[saved] != nil, texts[perSecond] == nil {
            problems.append("\(name): \(saved) is for \(perSecond), which is not there")
        }
        return counts[perSecond].map { RateLimit(perSecond: $0, burst: counts[saved] ?? min(2 * $0, 1_000_000)) }
    }
}

extension DoormandSettings {
    /// Who may call what: by the file of rules, or, without one, everybody everything but accounts.
    ///
    /// - Throws: ``ConfigurationError`` that says all that is wrong with the file, in one go.
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
