extension String {
    /// Returns the text with the first occurrence of `part` replaced.
    func replacingOccurrence(of part: String, with other: String) -> String {
        guard let start = indices.first(where: { self[$0...].hasPrefix(part) }) else { return self }
        var copy = self
        copy.replaceSubrange(start..<index(start, offsetBy: part.count), with: other)
        return copy
    }

    /// Returns the body of the sample with another `application`.
    func replacingApplication(with value: String) -> String {
        replacingOccurrence(of: #"{"id":"\#(Sample.applicationID)"}"#, with: value)
    }
}
