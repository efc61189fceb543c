internal import DoormanSupport

extension SplitMix64 {
    /// Returns `true` with a probability in percent.
    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }

    mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        .nanoseconds(Int64.random(in: range.lowerBound.whole...range.upperBound.whole, using: &self))
    }
}

extension Duration {
    fileprivate var whole: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
