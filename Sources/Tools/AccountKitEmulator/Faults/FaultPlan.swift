internal import DoormanSupport

/// Which calls go wrong how: one fault an endpoint, and one for all of them.
struct FaultPlan: Sendable {
    private struct Entry: Sendable {
        let fault: Fault
        /// The delay and period are those of when it was set.
        var terms: FaultTerms
        let start: ContinuousClock.Instant

        var end: ContinuousClock.Instant? { terms.period.map { start.advanced(by: $0) } }

        func isOver(at now: ContinuousClock.Instant) -> Bool { end.map { now >= $0 } ?? false }
    }

    private var entries: [Endpoint?: Entry] = [:]
    var dice: SplitMix64

    init(seed: UInt64) {
        dice = SplitMix64(seed: seed)
    }

    /// - Parameters:
    ///   - fault: Nil to go right again.
    ///   - endpoint: Nil for all whose own fault, if they have one, spares the call.
    mutating func set(_ fault: Fault?, for endpoint: Endpoint?, on terms: FaultTerms, at now: ContinuousClock.Instant) {
        entries[endpoint] = fault.map { Entry(fault: $0, terms: terms, start: now.advanced(by: terms.delay)) }
    }

    mutating func clear() {
        entries = [:]
    }

    /// The fault for the next call: the endpoint's own, or else that of all.
    mutating func take(for endpoint: Endpoint, at now: ContinuousClock.Instant) -> Fault? {
        strike(endpoint, at: now) ?? strike(nil, at: now)
    }

    private mutating func strike(_ key: Endpoint?, at now: ContinuousClock.Instant) -> Fault? {
        guard var entry = entries[key], now >= entry.start else { return nil }
        guard !entry.isOver(at: now) else {
            entries[key] = nil
            return nil
        }
        // The dice are thrown only where they decide something, so that a plan with one chance in it is easy to foretell.
        guard entry.terms.probability >= 1 || Double.random(in: 0..<1, using: &dice) < entry.terms.probability else { return nil }
        if let calls = entry.terms.calls {
            entry.terms.calls = calls - 1
            entries[key] = calls > 1 ? entry : nil
        }
        return entry.fault
    }

    /// What is set and not over, with what is left of it; the endpoints in the contract's order, the fault of all last.
    func listing(at now: ContinuousClock.Instant) -> [JSON] {
        (Endpoint.allCases.map(Optional.some) + [nil]).compactMap { endpoint in
            guard let entry = entries[endpoint], !entry.isOver(at: now) else { return nil }
            let (name, values) = entry.fault.form
            var members = [JSON.Member("name", .string(name))]
            if let endpoint { members.append(JSON.Member("endpoint", .string(endpoint.rawValue))) }
            members += values.map { JSON.Member($0.name, .integer($0.value)) }
            if let calls = entry.terms.calls { members.append(JSON.Member("times", .integer(calls))) }
            members.append(JSON.Member("probability", .number(entry.terms.probability)))
            let delay = max(.zero, now.duration(to: entry.start))
            members.append(JSON.Member("after_milliseconds", .integer(delay.milliseconds)))
            if let end = entry.end {
                let period = max(now, entry.start).duration(to: end)
                members.append(JSON.Member("for_milliseconds", .integer(period.milliseconds)))
            }
            return .object(members)
        }
    }
}

extension Duration {
    /// Rounded up, so that what is left is never shown as nothing.
    fileprivate var milliseconds: Int { Int((nanoseconds + 999_999) / 1_000_000) }
}

/// Which calls a fault spoils: so many, by chance, from when until when. All of it must hold.
package struct FaultTerms: Sendable, Hashable {
    /// How many calls go wrong before all is right again; nil for all.
    package var calls: Int?
    /// How many of the calls go wrong, as a part of 1.
    package var probability: Double
    /// From now on; nothing goes wrong before.
    package var delay: Duration
    /// From the end of the delay on; nil for ever.
    package var period: Duration?

    package init(calls: Int? = nil, probability: Double = 1, delay: Duration = .zero, period: Duration? = nil) {
        self.calls = calls
        self.probability = probability
        self.delay = delay
        self.period = period
    }
}

/// The terms as the control path takes them.
extension FaultTerms {
    static let parameters = ["times", "probability", "after_milliseconds", "for_milliseconds"]

    init(_ query: [String: String]) throws(EmulatorError) {
        self.init()
        if let text = query["times"] {
            guard let count = Int(text), count > 0 else { throw EmulatorError(.badArgument, "times: must be a number above 0") }
            calls = count
        }
        if let text = query["probability"] {
            let percentage = text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
            guard let percentage, (0...1).contains(percentage) else {
                throw EmulatorError(.badArgument, "probability: must be a number from 0 to 1, or a percentage such as 25%")
            }
            probability = percentage
        }
        delay = try Self.time("after_milliseconds", from: 0, in: query) ?? .zero
        period = try Self.time("for_milliseconds", from: 1, in: query)
    }

    /// A day at most.
    private static func time(_ key: String, from least: Int, in query: [String: String]) throws(EmulatorError) -> Duration? {
        guard let text = query[key] else { return nil }
        guard let milliseconds = Int(text), (least...86_400_000).contains(milliseconds) else {
            throw EmulatorError(.badArgument, "\(key): must be a number from \(least) to 86400000")
        }
        return .milliseconds(milliseconds)
    }
}
