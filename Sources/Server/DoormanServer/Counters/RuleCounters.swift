/// Counts the calls of one event loop by the rule of the policy that their callers match.
package final class RuleCounters {
    /// Why a rule's limits or permissions turned a call down.
    package enum Cause: String, Sendable, Hashable, CaseIterable {
        case permission, rate, concurrency, misses
    }

    package struct Counts: Sendable, Hashable {
        /// The calls that the rule's permissions and rate limit allowed.
        package fileprivate(set) var calls: UInt64 = 0
        package fileprivate(set) var turnedDown: [Cause: UInt64] = [:]

        func adding(_ other: Counts) -> Counts {
            var both = self
            both.calls &+= other.calls
            both.turnedDown.merge(other.turnedDown, uniquingKeysWith: &+)
            return both
        }
    }

    /// The names of the current policy's rules, and their counts in the same order. The last belongs to callers without a rule.
    private var names: [String] = []
    private var current: [Counts] = []
    /// The counts of earlier policies.
    private var earlier: [String: Counts] = [:]

    /// The name of all rules that the policy no longer has. A file that changes often must not add series for ever.
    static let nameOfEarlierRules = "earlier rules"

    /// Begins a policy. Rules with the same name go on counting.
    func begin(_ policy: CallerPolicy) {
        let (before, names) = (counts, policy.ruleNames + [CallerPolicy.nameWithoutRule])
        let kept = Set(names)
        earlier = [:]
        for (name, counts) in before {
            let name = kept.contains(name) ? name : Self.nameOfEarlierRules
            earlier[name] = earlier[name]?.adding(counts) ?? counts
        }
        self.names = names
        current = Array(repeating: Counts(), count: names.count)
    }

    /// Counts calls that a rule allowed.
    ///
    /// - Parameter rule: The number of the rule in the policy; see ``CallerPolicy/rule(for:)``.
    @inline(__always)
    func countCalls(_ count: Int, of rule: Int) {
        if count > 0, rule < current.count { current[rule].calls &+= UInt64(count) }
    }

    /// Counts a call that a rule turned down.
    func countTurnedDown(_ cause: Cause, of rule: Int) {
        if rule < current.count { current[rule].turnedDown[cause, default: 0] &+= 1 }
    }

    /// The counts by the rules' names.
    var counts: [String: Counts] {
        earlier.merging(zip(names, current)) { $0.adding($1) }
    }
}
