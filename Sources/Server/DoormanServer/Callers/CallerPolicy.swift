package import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire

/// Who may call what, and how much: a list of rules of which the first that is for a caller counts.
package struct CallerPolicy: Sendable, Hashable {
    /// What those who are meant may do.
    package struct Rule: Sendable, Hashable {
        package var callers: [CallerMatcher]
        package var permissions: CallerPermissions

        package init(_ callers: [CallerMatcher], _ permissions: CallerPermissions) {
            self.callers = callers
            self.permissions = permissions
        }
    }

    /// The setting that it was made of, for whoever is refused.
    package let setting: String
    private let permissions: [CallerPermissions]
    /// Callers by name, and the first rule of each.
    private let named: [Caller: Int]
    /// Patterns for many, and the rule of each, in the order of the rules.
    private let patterns: [Pattern]

    private struct Pattern: Sendable, Hashable {
        let rule: Int
        let pattern: CallerMatcher
    }

    package init(_ rules: [Rule], setting: String) {
        self.setting = setting
        permissions = rules.map(\.permissions)
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

    /// Everybody may verify, exchange and revoke, without limits; who is on the same machine may read statistics too; and these may list and
    /// delete accounts besides.
    package static func open(accountsCallers: Set<Caller>) -> CallerPolicy {
        let methods: MethodSet = [.verify, .exchange, .revoke]
        let operators = accountsCallers.sorted().map(CallerMatcher.one)
        return CallerPolicy(
            [
                Rule(operators, CallerPermissions(methods.union([.accounts, .statistics]))),
                Rule([.local], CallerPermissions(methods.union(.statistics))),
                Rule([.any], CallerPermissions(methods)),
            ], setting: "server.accounts-callers")
    }

    /// What the caller may do. Looked up once a connection, so it may take a while.
    package func permissions(for caller: Caller) -> CallerPermissions {
        let byName = named[caller] ?? permissions.count
        let byPattern = patterns.first { $0.rule >= byName || $0.pattern.matches(caller) }?.rule ?? permissions.count
        let rule = min(byName, byPattern)
        return rule < permissions.count ? permissions[rule] : .nothing
    }
}

/// Whom a rule is for: one caller, or all whose names end or begin in one way.
package enum CallerMatcher: Sendable, Hashable {
    /// Everybody, even one of whom nothing is known.
    case any
    case one(Caller)
    /// All whose name goes on after this, which ends in a slash: `uri:spiffe://example.org/web/`.
    case uris(beginning: String)
    /// All whose name has more before this, which begins with a dot: `.billing.internal`.
    case dnsNames(ending: String)
    /// Every process of this machine, whatever its user: behind a Unix socket, or at a loopback address.
    case local

    package static let forms =
        "any, \(Caller.forms), uri:…/* or dns:*.… for all that begin or end so, and local for all of this machine"

    /// Reads a pattern as an operator writes it: what ``Caller/init(parsing:)`` reads, `any`, `local`, a URI with `/*` at its end, a
    /// DNS name with `*.` at its beginning, which stands for one part or several.
    ///
    /// - Returns: Nil for any other text.
    package init?(parsing text: String) {
        if text == "any" {
            self = .any
        } else if text == "local" {
            self = .local
        } else if text.hasPrefix("uri:"), text.hasSuffix("/*") {
            // A name that it would be true of is how the rest is checked.
            guard let sample = Caller(parsing: text.dropLast() + "x"), !sample.name.contains("*") else { return nil }
            self = .uris(beginning: String(sample.name.dropLast()))
        } else if text.hasPrefix("dns:*.") {
            guard let parent = Caller(parsing: "dns:" + text.dropFirst(6)) else { return nil }
            self = .dnsNames(ending: "." + parent.name.dropFirst(4))
        } else {
            // A star that stands for nothing here would not be taken for one.
            guard !text.contains("*"), let caller = Caller(parsing: text) else { return nil }
            self = .one(caller)
        }
    }

    /// Whether the caller is one of these.
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

/// What a caller may call, and how much.
package struct CallerPermissions: Sendable, Hashable {
    package var methods: MethodSet
    package var limits: CallerQuota.Limits

    package init(_ methods: MethodSet, _ limits: CallerQuota.Limits = CallerQuota.Limits()) {
        self.methods = methods
        self.limits = limits
    }

    /// That of those whom no rule names.
    package static let nothing = CallerPermissions([])
}

/// What a caller may call. Whether a server is well anybody may ask.
package struct MethodSet: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let verify = MethodSet(rawValue: 1)
    package static let exchange = MethodSet(rawValue: 2)
    package static let revoke = MethodSet(rawValue: 4)
    /// Listing and deleting accounts.
    package static let accounts = MethodSet(rawValue: 8)
    package static let statistics = MethodSet(rawValue: 16)

    /// Whether the method is one of these.
    func allows(_ method: Method) -> Bool {
        switch method {
        case .verify: contains(.verify)
        case .exchange: contains(.exchange)
        case .revoke: contains(.revoke)
        case .listAccounts, .deleteAccount: contains(.accounts)
        case .statistics: contains(.statistics)
        case .healthCheck: true
        }
    }
}
