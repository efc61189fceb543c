extension Span where Element == UInt8 {
    /// Whether the bytes are these.
    func isEqual(to text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefix(text)
    }

    /// Whether the first bytes are these.
    func hasPrefix(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// Whether the bytes are these, apart from the case of letters.
    ///
    /// - Parameter text: A text in lower case.
    func isEqual(toLowercase text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefix(lowercase: text)
    }

    /// Whether the first bytes are these, apart from the case of letters.
    ///
    /// - Parameter text: A text in lower case.
    func hasPrefix(lowercase text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe self[index].lowercased != text.utf8Start[index] { return false }
        return true
    }

    /// Returns the index of the first such byte; `nil` without one.
    func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte { return index }
        return nil
    }

    /// The bytes as an array.
    var array: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for index in indices { bytes.append(self[index]) }
        return bytes
    }

    /// Whether all bytes are visible ASCII.
    var isVisibleASCII: Bool {
        for index in indices where !(0x21...0x7e).contains(self[index]) { return false }
        return true
    }

    /// Whether a byte is a control character of ASCII.
    var hasControlByte: Bool {
        for index in indices where self[index] < 0x20 || self[index] == 0x7f { return true }
        return false
    }
}

extension UInt8 {
    /// The lower-case letter of an upper-case one; any other byte as it is.
    var lowercased: UInt8 { (0x41...0x5a).contains(self) ? self | 0x20 : self }
}
