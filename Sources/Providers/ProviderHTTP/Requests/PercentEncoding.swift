internal import DoormanSupport

/// Percent-encoding of the values in a query or a form (RFC 3986, section 2.1).
///
/// All characters except the unreserved ones are encoded, so a value can't end its parameter or begin another.
package enum PercentEncoding {
    /// A parameter of a query or a field of a form. The name consists of unreserved characters.
    package typealias Parameter = (name: String, value: [UInt8])

    /// Returns parameters as `name=value&…`: a query, or the body of a form (`application/x-www-form-urlencoded`).
    package static func text(of parameters: [Parameter]) -> String {
        String(decoding: bytes(of: parameters), as: UTF8.self)
    }

    /// Returns the bytes of ``text(of:)``.
    package static func bytes(of parameters: [Parameter]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, parameter) in parameters.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: "&")) }
            bytes.append(contentsOf: parameter.name.utf8)
            bytes.append(UInt8(ascii: "="))
            append(parameter.value, to: &bytes)
        }
        return bytes
    }

    /// Appends bytes in their encoded form.
    package static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
        for byte in bytes {
            if isUnreserved(byte) {
                text.append(byte)
            } else {
                text.append(contentsOf: [UInt8(ascii: "%"), hexadecimalDigit(byte >> 4), hexadecimalDigit(byte & 15)])
            }
        }
    }

    /// Decodes a text; `nil` if a `%` is not followed by two hexadecimal digits.
    package static func decoded(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var bytes = text.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = bytes.next().flatMap(hexadecimalValue), let low = bytes.next().flatMap(hexadecimalValue) else {
                return nil
            }
            decoded.append(high << 4 | low)
        }
        return decoded
    }

    private static func hexadecimalValue(_ digit: UInt8) -> UInt8? {
        Character(Unicode.Scalar(digit)).hexDigitValue.map { UInt8($0) }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte)
    }

    private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
