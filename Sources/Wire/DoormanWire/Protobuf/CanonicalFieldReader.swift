/// Goes through a message in its plain form: each field at most once, in the order of their numbers, nothing in it empty, and no field
/// that is not asked for. So every library in use writes (Protocol Buffers, "Encoding": "Field Order"), and so read, a message takes no
/// memory.
///
/// Whatever is not of that form, be it wrong or only unusual, is protobuf-c's to read. This one never says of a message what
/// protobuf-c would not: the fuzzer compares them.
struct CanonicalFieldReader {
    /// Where the next field begins.
    private var position: Int
    private let end: Int
    /// The form holds so far.
    private var isPlain = true

    /// - Parameter range: The message's bytes, among the data that each of the methods is given.
    init(in range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// Whether the whole message was of the plain form.
    var haveEnded: Bool { isPlain && position == end }

    /// The bytes of a `string`, `bytes` or message field that may come next; none if it does not.
    @inline(__always)
    mutating func bytes(_ field: UInt8, in data: Span<UInt8>) -> Range<Int> {
        guard begins(field << 3 | 2, in: data) else { return position..<position }
        let length = varint(in: data)
        guard length > 0, length <= UInt64(end - position) else {
            isPlain = false
            return position..<position
        }
        defer { position += Int(length) }
        return position..<position + Int(length)
    }

    /// The value of an `int64` field that may come next, more than 0; 0 if it does not.
    @inline(__always)
    mutating func number(_ field: UInt8, in data: Span<UInt8>) -> UInt64 {
        guard begins(field << 3, in: data) else { return 0 }
        let value = varint(in: data)
        if value == 0 { isPlain = false }
        return value
    }

    /// The value of a `uint32` or an enum field that may come next; 0 if it does not.
    @inline(__always)
    mutating func smallNumber(_ field: UInt8, in data: Span<UInt8>) -> UInt32 {
        guard let value = UInt32(exactly: number(field, in: data)) else {
            isPlain = false
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

    /// A number of 63 bits at most, since a negative one has 64, in as few bytes as it needs: of a length in more than five, protobuf-c
    /// would say that it is none.
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
        isPlain = false
        return 0
    }
}

extension Span where Element == UInt8 {
    /// Whether all bytes are from 1 to 127.
    var isPlainASCII: Bool {
        unsafe withUnsafeBytes { bytes in
            var position = 0
            // Eight at once, as below; a byte of 128 or more has its highest bit.
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

    /// Whether there is a NUL among these bytes, at which protobuf-c's strings would end.
    func holdsNUL(in range: Range<Int>) -> Bool {
        unsafe extracting(range).withUnsafeBytes { bytes in
            var position = 0
            // Eight at once: the subtraction borrows into the highest bit of the first byte that is 0, and of none before it (Hacker's
            // Delight, section 6-1).
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
