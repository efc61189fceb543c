/// The fields of a message of protobuf: numbers, and bytes. They are read and written by hand, so that tests of the codec don't depend
/// on the codec.
package struct ProtobufFields: Sendable, Hashable {
    package private(set) var numbers: [UInt64: UInt64] = [:]
    package private(set) var bytes: [UInt64: [UInt8]] = [:]

    package init(_ message: [UInt8]) {
        var rest = message[...]
        while !rest.isEmpty {
            let key = Self.varint(&rest)
            let value = Self.varint(&rest)
            if key & 7 == 2 {
                bytes[key >> 3] = Array(rest.prefix(Int(value)))
                rest = rest.dropFirst(Int(value))
            } else {
                numbers[key >> 3] = value
            }
        }
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64 {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while let byte = rest.popFirst() {
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return value
    }

    /// Writes a field of bytes.
    package static func field(_ number: UInt8, _ value: [UInt8]) -> [UInt8] {
        var (bytes, length) = ([number << 3 | 2], value.count)
        while length >= 0x80 {
            bytes.append(UInt8(length & 0x7f) | 0x80)
            length >>= 7
        }
        return bytes + [UInt8(length)] + value
    }
}
