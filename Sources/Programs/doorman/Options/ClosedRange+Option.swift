internal import ArgumentParser

extension ClosedRange<Int> {
    /// - Throws: `ValidationError` unless the value of an option is in this range.
    func check(_ value: Int, of option: String) throws(ValidationError) {
        guard contains(value) else { throw ValidationError("\(option) must be from \(lowerBound) to \(upperBound)") }
    }
}
