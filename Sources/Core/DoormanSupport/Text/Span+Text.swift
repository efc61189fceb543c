extension Span where Element == UInt8 {
    /// Whether the bytes are these.
    @inlinable
    package func isEqual(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let expected = unsafe text.utf8Start
        // From the end, where paths and names of headers differ.
        for index in indices.reversed() where unsafe self[index] != expected[index] { return false }
        return true
    }

    /// Whether the bytes are the UTF-8 of a text.
    @inlinable
    package func isEqual(toUTF8Of text: String) -> Bool {
        let expected = text.utf8Span.span
        guard count == expected.count else { return false }
        for index in indices where self[index] != expected[index] { return false }
        return true
    }

    /// Whether the first bytes are these.
    @inlinable
    package func hasPrefix(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// Whether the bytes are these, apart from the case of letters.
    ///
    /// - Parameter text: A text in lower case.
    @inlinable
    package func isEqual(toLowercase text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefix(lowercase: text)
    }

    /// Whether the first bytes are these, apart from the case of letters.
    ///
    /// - Parameter text: A text in lower case.
    @inlinable
    package func hasPrefix(lowercase text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe self[index].asciiLowercased != text.utf8Start[index] { return false }
        return true
    }

    /// Returns the index of the first such byte; `nil` without one.
    @inlinable
    package func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte { return index }
        return nil
    }

    /// The bytes as an array.
    @inlinable
    package var array: [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }

    /// Whether all bytes are visible ASCII.
    @inlinable
    package var isVisibleASCII: Bool {
        for index in indices where !self[index].isVisibleASCII { return false }
        return true
    }

    /// Whether a byte is a control character of ASCII.
    @inlinable
    package var hasControlByte: Bool {
        for index in indices where self[index] < 0x20 || self[index] == 0x7f { return true }
        return false
    }
}
