package import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire

/// The permissions and limits of callers: a list of rules, of which the first match applies.
package struct CallerPolicy: Sendable, Hashable {
    /// The permissions of the callers that match.
    package struct Rule: Sendable, Hashable {
        package var callers: [CallerMatcher]
        package var permissions: CallerPermissions

        package init(_ callers: [CallerMatcher], _ permissions: CallerPermissions) {
            self.callers = callers
            self.permissions = permissions
        }
    }

    /// The name of the callers that match no rule, in statistics.
    static let nameWithoutRule = "none"

    /// The setting that the policy comes from, for error messages to callers.
    package let setting: String
    /// A name for each rule: its first caller, and its number in the policy if several have that name. Bounded, because statistics show
    /// it. Rules keep their names if a rule is inserted before them.
    let ruleNames: [String]
    private let permissions: [CallerPermissions]
    /// The index of the first rule that names each caller.
    private let named: [Caller: Int]
    /// Patterns with the indices of their rules, in the order of the rules.
    private let patterns: [Pattern]

    private struct Pattern: Sendable, Hashable {
        let rule: Int
        let pattern: CallerMatcher
    }

    package init(_ rules: [Rule], setting: String) {
        self.setting = setting
        permissions = rules.map(\.permissions)
        let texts = rules.map { Self.describe($0.callers) }
        ruleNames = texts.enumerated().map { number, text in
            texts.count { $0 == text } == 1 ? text : "\(text) (rule \(number + 1))"
        }
        var named: [Caller: Int] = [:]
        var patterns: [Pattern] = []
        for (number, rule) in rules.enumerated() {
            for pattern in rule.callers {
                if case .one(let caller) = pattern {
                    named[caller] = named[caller] ?? number
                } else {
                    patterns.append(Pattern(rule: number, pattern: pattern))
                }
            }
        }
        self.named = named
        self.patterns = patterns
    }

    /// The default policy, which has no limits. Callers on this machine may verify, exchange, revoke tokens and read statistics. All other
    /// callers may verify. No caller may revoke, list or delete accounts.
    package static let standard = CallerPolicy(
        [
            Rule([.local], CallerPermissions([.verify, .exchange, .revoke, .statistics])),
            Rule([.any], CallerPermissions(.verify)),
        ], setting: "authorization.policy-file")

    /// Returns the caller's permissions.
    package func permissions(for caller: Caller) -> CallerPermissions { permissions(ofRule: rule(for: caller)) }

    /// Returns the permissions of a rule by its number; see ``rule(for:)``.
    func permissions(ofRule rule: Int) -> CallerPermissions { rule < permissions.count ? permissions[rule] : .nothing }

    /// Returns the number of the first rule that matches the caller, from 0 on; the number of rules if none matches. It is called once per
    /// connection, so a linear search is fine.
    func rule(for caller: Caller) -> Int {
        let byName = named[caller] ?? permissions.count
        let byPattern = patterns.first { $0.rule >= byName || $0.pattern.matches(caller) }?.rule ?? permissions.count
        return min(byName, byPattern)
    }

    private static func describe(_ callers: [CallerMatcher]) -> String {
        guard let first = callers.first else { return "no callers" }
        let more = callers.count == 1 ? "" : " and \(callers.count - 1) more"
        return first.description.prefix(80) + more
    }
}

/// Matches one caller, or all callers that share a name prefix or suffix.
package enum CallerMatcher: Sendable, Hashable, CustomStringConvertible {
    /// Every caller, including ``Caller/unknown``.
    case any
    case one(Caller)
    /// All names that continue after this prefix, which ends in a slash: `uri:spiffe://example.org/web/`.
    case uris(beginning: String)
    /// All DNS names with more labels before this suffix, which begins with a dot: `.billing.internal`.
    case dnsNames(ending: String)
    /// Every process on this machine, under any user: over a Unix socket or from a loopback address.
    case local

    /// The pattern as a setting has it.
    package var description: String {
        switch self {
        case .any: "any"
        case .one(let caller): caller.name
        case .uris(let beginning): beginning + "*"
        case .dnsNames(let ending): "dns:*" + ending
        case .local: "local"
        }
    }

    package static let forms =
        "any, \(Caller.forms), uri:…/* or dns:*.… for all names with this prefix or suffix, "
        + "and local for all processes on this machine"

    /// Parses a pattern from a setting: anything that ``Caller/init(parsing:)`` accepts, `any`, `local`, a URI that ends in `/*`,
    /// or a DNS name that begins with `*.`. The wildcard stands for one or more labels.
    ///
    /// - Returns: `nil` for any other text.
    package init?(parsing text: String) {
        if text == "any" {
            self = .any
        } else if text == "local" {
            self = .local
        } else if text.hasPrefix("uri:"), text.hasSuffix("/*") {
            // Validates the prefix by parsing a sample name that it matches.
            guard let sample = Caller(parsing: text.dropLast() + "x"), !sample.name.contains("*") else { return nil }
            self = .uris(beginning: String(sample.name.dropLast()))
        } else if text.hasPrefix("dns:*.") {
            guard let parent = Caller(parsing: "dns:" + text.dropFirst(6)) else { return nil }
            self = .dnsNames(ending: "." + parent.name.dropFirst(4))
        } else {
            // A literal star would be mistaken for a wildcard.
            guard !text.contains("*"), let caller = Caller(parsing: text) else { return nil }
            self = .one(caller)
        }
    }

    /// Returns whether the caller matches.
    package func matches(_ caller: Caller) -> Bool {
        switch self {
        case .any: true
        case .local: caller.name.hasPrefix("uid:") || caller.name.hasPrefix("ip:127.") || caller.name == "ip:::1"
        case .one(let other): caller == other
        case .uris(let beginning): caller.name.utf8.count > beginning.utf8.count && caller.name.hasPrefix(beginning)
        case .dnsNames(let ending):
            caller.name.hasPrefix("dns:") && caller.name.hasSuffix(ending)
                && caller.name.utf8.count > ending.utf8.count + "dns:".utf8.count
        }
    }
}

/// The methods and limits of a caller.
package struct CallerPermissions: Sendable, Hashable {
    package var methods: MethodSet
    package var limits: CallerQuota.Limits

    package init(_ methods: MethodSet, _ limits: CallerQuota.Limits = CallerQuota.Limits()) {
        self.methods = methods
        self.limits = limits
    }

    /// The permissions of callers that match no rule: they can only call the health check.
    package static let nothing = CallerPermissions([])
}

/// A set of methods that a caller may call. The health check is always allowed.
package struct MethodSet: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let verify = MethodSet(rawValue: 1)
    package static let exchange = MethodSet(rawValue: 2)
    /// Revokes a token.
    package static let revoke = MethodSet(rawValue: 4)
    /// Lists and deletes accounts.
    package static let accounts = MethodSet(rawValue: 8)
    package static let statistics = MethodSet(rawValue: 16)
    /// Revokes every token of an account.
    package static let revokeAccounts = MethodSet(rawValue: 32)

    /// Returns whether the set allows the method, for some request at least.
    func allows(_ method: Method) -> Bool {
        switch method {
        case .verify: contains(.verify)
        case .exchange: contains(.exchange)
        case .revoke: contains(.revoke) || contains(.revokeAccounts)
        case .listAccounts, .deleteAccount: contains(.accounts)
        case .statistics: contains(.statistics)
        case .healthCheck: true
        }
    }
}
