extension UInt8 {
    /// Whether this byte is one of `0` to `9`.
    @inlinable
    package var isASCIIDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }

    /// Whether this byte is one of `A` to `Z` and `a` to `z`.
    @inlinable
    package var isASCIILetter: Bool {
        // The bit is all that tells lowercase from uppercase, and no other byte becomes a letter by it.
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }

    /// Whether this byte is a letter or a digit of ASCII.
    @inlinable
    package var isASCIIAlphanumeric: Bool {
        isASCIILetter || isASCIIDigit
    }

    /// Whether this byte is a character of ASCII that is printed: no space, and no control character.
    @inlinable
    package var isVisibleASCII: Bool {
        (0x21...0x7e).contains(self)
    }
}
