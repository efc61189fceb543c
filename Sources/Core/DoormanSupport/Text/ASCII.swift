extension UInt8 {
    /// Whether this byte is one of `0` to `9`.
    @inlinable
    package var isASCIIDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }

    /// Whether this byte is one of `A` to `Z` and `a` to `z`.
    @inlinable
    package var isASCIILetter: Bool {
        // Setting this bit turns uppercase letters into lowercase, and turns no other byte into a letter.
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }

    /// Whether this byte is an ASCII letter or digit.
    @inlinable
    package var isASCIIAlphanumeric: Bool {
        isASCIILetter || isASCIIDigit
    }

    /// Whether this byte is a visible ASCII character: neither a space nor a control character.
    @inlinable
    package var isVisibleASCII: Bool {
        (0x21...0x7e).contains(self)
    }

    /// The lower-case letter of an upper-case ASCII letter; any other byte as it is.
    @inlinable
    package var asciiLowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
