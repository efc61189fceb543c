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
