/// Reads the fields of a message in canonical form, without allocating memory.
///
/// In canonical form, each field occurs at most once, in the order of the field numbers, and no field is empty or unknown. All
/// common libraries write this form (Protocol Buffers, "Encoding": "Field Order"). protobuf-c reads any other message, valid or
/// not.
///
/// A message that this reader accepts has the same meaning to protobuf-c. A fuzzer compares the two.
struct CanonicalFieldReader {
    /// The offset of the next field.
    private var position: Int
    private let end: Int
    /// Whether the message has been in canonical form so far.
    private var isCanonical = true

    /// - Parameter range: The range of the message in the data, which is an argument of each method.
    init(in range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// The range of the fields that have not been read.
    var rest: Range<Int> { position..<end }

    /// Whether the whole message has been read, and is in canonical form.
    var isComplete: Bool { isCanonical && position == end }

    /// Reads a `string`, `bytes` or message field, if it comes next.
    ///
    /// - Returns: The range of its bytes in the data; an empty range without the field.
    @inline(__always)
    mutating func bytes(_ field: UInt8, in data: Span<UInt8>) -> Range<Int> {
        guard begins(field << 3 | 2, in: data) else { return position..<position }
        let length = varint(in: data)
        guard length > 0, length <= UInt64(end - position) else {
            isCanonical = false
            return position..<position
        }
        defer { position += Int(length) }
        return position..<position + Int(length)
    }

    /// Reads a message field that may be empty, if it comes next.
    ///
    /// - Returns: The range of its bytes in the data; `nil` without the field.
    @inline(__always)
    mutating func message(_ field: UInt8, in data: Span<UInt8>) -> Range<Int>? {
        guard begins(field << 3 | 2, in: data) else { return nil }
        // The shortest encoding of 0, which the other fields of a message in canonical form don't have.
        if position < end, data[position] == 0 {
            position += 1
            return position..<position
        }
        let length = varint(in: data)
        guard length <= UInt64(end - position) else {
            isCanonical = false
            return nil
        }
        defer { position += Int(length) }
        return position..<position + Int(length)
    }

    /// Reads a positive `int64` field, if it comes next.
    ///
    /// - Returns: Its value; 0 without the field.
    @inline(__always)
    mutating func number(_ field: UInt8, in data: Span<UInt8>) -> UInt64 {
        guard begins(field << 3, in: data) else { return 0 }
        let value = varint(in: data)
        if value == 0 { isCanonical = false }
        return value
    }

    /// Reads a `uint32` or an enum field, if it comes next.
    ///
    /// - Returns: Its value; 0 without the field.
    @inline(__always)
    mutating func smallNumber(_ field: UInt8, in data: Span<UInt8>) -> UInt32 {
        guard let value = UInt32(exactly: number(field, in: data)) else {
            isCanonical = false
            return 0
        }
        return value
    }

    @inline(__always)
    private mutating func begins(_ tag: UInt8, in data: Span<UInt8>) -> Bool {
        guard position < end, data[position] == tag else { return false }
        position += 1
        return true
    }

    /// Reads a number of at most 63 bits in its shortest encoding. Negative numbers have 64 bits.
    ///
    /// protobuf-c rejects lengths in more than five bytes, so longer encodings are not canonical.
    @inline(__always)
    private mutating func varint(in data: Span<UInt8>) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, shift < 63 {
            let byte = data[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                if byte == 0, shift > 0 { break }
                return value
            }
            shift += 7
        }
        isCanonical = false
        return 0
    }
}

extension Span where Element == UInt8 {
    /// Whether all bytes are from 1 to 127.
    var isASCIIWithoutNUL: Bool {
        unsafe withUnsafeBytes { bytes in
            var position = 0
            // Tests eight bytes at once, as below. A byte of 128 or more has its highest bit set.
            while position + 8 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                if ((word &- 0x0101_0101_0101_0101) | word) & 0x8080_8080_8080_8080 != 0 { return false }
                position += 8
            }
            while position < bytes.count {
                let byte = unsafe bytes[position]
                guard 1...127 ~= byte else { return false }
                position += 1
            }
            return true
        }
    }

    /// Whether a range contains a NUL, at which protobuf-c's strings would end.
    func containsNUL(in range: Range<Int>) -> Bool {
        unsafe extracting(range).withUnsafeBytes { bytes in
            var position = 0
            // Tests eight bytes at once. The subtraction borrows into the highest bit of the first byte that is 0, but not into
            // earlier bytes (Hacker's Delight, section 6-1).
            while position + 8 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { return true }
                position += 8
            }
            while position < bytes.count {
                if unsafe bytes[position] == 0 { return true }
                position += 1
            }
            return false
        }
    }
}
