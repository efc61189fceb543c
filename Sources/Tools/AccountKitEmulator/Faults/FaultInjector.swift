internal import DoormanSupport

/// Decides which call gets which fault: one fault for each endpoint, and one for all endpoints.
struct FaultInjector: Sendable {
    /// The calls that a fault is set for.
    enum Scope: Sendable, Hashable {
        case allEndpoints
        case endpoint(Endpoint)

        /// - Parameter endpoint: The endpoint; `nil` for all endpoints.
        init(_ endpoint: Endpoint?) {
            self = endpoint.map(Scope.endpoint) ?? .allEndpoints
        }
    }

    private struct Entry: Sendable {
        let fault: Fault
        /// Delay and period count from the time when the fault was set; `calls` is the remaining number.
        var schedule: FaultSchedule
        let start: ContinuousClock.Instant

        var end: ContinuousClock.Instant? { schedule.period.map { start.advanced(by: $0) } }

        func isOver(at now: ContinuousClock.Instant) -> Bool { end.map { now >= $0 } ?? false }
    }

    private var entries: [Scope: Entry] = [:]
    var rng: SplitMix64

    init(seed: UInt64) {
        rng = SplitMix64(seed: seed)
    }

    /// Sets or clears a fault.
    ///
    /// - Parameter fault: The fault; `nil` to clear it.
    mutating func set(_ fault: Fault?, for scope: Scope, on schedule: FaultSchedule, at now: ContinuousClock.Instant) {
        entries[scope] = fault.map { Entry(fault: $0, schedule: schedule, start: now.advanced(by: schedule.delay)) }
    }

    mutating func clear() {
        entries = [:]
    }

    /// Returns the fault for the next call: that of the endpoint, otherwise that of all endpoints.
    mutating func nextFault(for endpoint: Endpoint, at now: ContinuousClock.Instant) -> Fault? {
        trigger(.endpoint(endpoint), at: now) ?? trigger(.allEndpoints, at: now)
    }

    private mutating func trigger(_ scope: Scope, at now: ContinuousClock.Instant) -> Fault? {
        guard var entry = entries[scope], now >= entry.start else { return nil }
        guard !entry.isOver(at: now) else {
            entries[scope] = nil
            return nil
        }
        // Certain faults draw no random number, so that they don't shift the outcome of the others for a seed.
        guard entry.schedule.probability >= 1 || Double.random(in: 0..<1, using: &rng) < entry.schedule.probability else {
            return nil
        }
        if let calls = entry.schedule.calls {
            entry.schedule.calls = calls - 1
            entries[scope] = calls > 1 ? entry : nil
        }
        return entry.fault
    }

    /// Returns the faults that are set and not over, with their remaining amounts; the fault of all endpoints last.
    func listing(at now: ContinuousClock.Instant) -> [JSONText] {
        (Endpoint.allCases.map(Scope.endpoint) + [.allEndpoints]).compactMap { scope in
            guard let entry = entries[scope], !entry.isOver(at: now) else { return nil }
            let (name, values) = entry.fault.definition
            var members = [JSONText.Member("name", .string(name))]
            if case .endpoint(let endpoint) = scope { members.append(JSONText.Member("endpoint", .string(endpoint.rawValue))) }
            members += values.map { JSONText.Member($0.name, .integer($0.value)) }
            if let calls = entry.schedule.calls { members.append(JSONText.Member("times", .integer(calls))) }
            members.append(JSONText.Member("probability", .number(entry.schedule.probability)))
            let delay = max(.zero, now.duration(to: entry.start))
            members.append(JSONText.Member("after_milliseconds", .integer(delay.milliseconds)))
            if let end = entry.end {
                let period = max(now, entry.start).duration(to: end)
                members.append(JSONText.Member("for_milliseconds", .integer(period.milliseconds)))
            }
            return .object(members)
        }
    }
}

extension Duration {
    /// The milliseconds, rounded up so that a remaining time is never 0.
    fileprivate var milliseconds: Int { Int((nanoseconds + 999_999) / 1_000_000) }
}

/// The calls that a fault affects, by count, probability and time. A call must meet all conditions.
package struct FaultSchedule: Sendable, Hashable {
    /// The number of calls to affect; `nil` for no limit.
    package var calls: Int?
    /// The probability that a call is affected, from 0 to 1.
    package var probability: Double
    /// Time until the fault begins.
    package var delay: Duration
    /// Time from the end of the delay until the fault ends; `nil` for no end.
    package var period: Duration?

    package init(calls: Int? = nil, probability: Double = 1, delay: Duration = .zero, period: Duration? = nil) {
        self.calls = calls
        self.probability = probability
        self.delay = delay
        self.period = period
    }
}

/// The schedule as parameters of the control path.
extension FaultSchedule {
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

    /// Returns a time of `least` milliseconds to a day; `nil` if the query has none.
    private static func time(_ key: String, from least: Int, in query: [String: String]) throws(EmulatorError) -> Duration? {
        guard let text = query[key] else { return nil }
        guard let milliseconds = Int(text), (least...86_400_000).contains(milliseconds) else {
            throw EmulatorError(.badArgument, "\(key): must be a number from \(least) to 86400000")
        }
        return .milliseconds(milliseconds)
    }
}
