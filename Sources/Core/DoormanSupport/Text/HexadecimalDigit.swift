/// The digits of hexadecimal numbers.
package enum HexadecimalDigit {
    /// Returns the digit of a number, in upper case.
    ///
    /// - Parameter number: From 0 to 15.
    @inlinable
    package static func upperCase(_ number: UInt8) -> UInt8 {
        number < 10 ? UInt8(ascii: "0") + number : UInt8(ascii: "A") + number - 10
    }

    /// Returns the number of a digit in either case; `nil` for another byte.
    @inlinable
    package static func number(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
