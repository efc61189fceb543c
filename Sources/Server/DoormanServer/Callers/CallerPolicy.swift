internal import DoormanCore
package import DoormanSupport

/// Who may call what, and how much: a list of rules of which the first that is for a caller counts.
package struct CallerPolicy: Sendable, Hashable {
    /// What those who are meant may do.
    package struct Rule: Sendable, Hashable {
        package var callers: [CallerPattern]
        package var grant: Grant

        package init(_ callers: [CallerPattern], _ grant: Grant) {
            self.callers = callers
            self.grant = grant
        }
    }

    /// The setting that it was made of, for whoever is refused.
    package let setting: String
    private let grants: [Grant]
    /// Callers by name, and the first rule of each.
    private let named: [Caller: Int]
    /// Patterns for many, and the rule of each, in the order of the rules.
    private let patterns: [Pattern]

    private struct Pattern: Sendable, Hashable {
        let rule: Int
        let pattern: CallerPattern
    }

    package init(_ rules: [Rule], setting: String) {
        self.setting = setting
        grants = rules.map(\.grant)
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
        let operators = accountsCallers.sorted().map(CallerPattern.one)
        return CallerPolicy(
            [
                Rule(operators, Grant(methods.union([.accounts, .statistics]))), Rule([.local], Grant(methods.union(.statistics))),
                Rule([.any], Grant(methods)),
            ], setting: "server.accounts-callers")
    }

    /// What the caller may do. Looked up once a connection, so it may take a while.
    package func grant(for caller: Caller) -> Grant {
        let byName = named[caller] ?? grants.count
        let byPattern = patterns.first { $0.rule >= byName || $0.pattern.matches(caller) }?.rule ?? grants.count
        let rule = min(byName, byPattern)
        return rule < grants.count ? grants[rule] : .nothing
    }
}
