/// Writes the fields of a message into memory of the right size, in the same form as protobuf-c: fields that are empty or 0 are
/// omitted.
@safe struct FieldWriter {
    private let memory: UnsafeMutableRawBufferPointer
    /// The number of bytes written.
    private(set) var count = 0

    init(into memory: UnsafeMutableRawBufferPointer) {
        unsafe self.memory = unsafe memory
    }

    /// Returns the encoded size of a `string` or `bytes` field with a number below 16.
    @inline(__always)
    static func size(ofBytes count: Int) -> Int {
        count == 0 ? 0 : size(ofMessage: count)
    }

    /// Returns the encoded size of a message field with a number below 16.
    @inline(__always)
    static func size(ofMessage count: Int) -> Int {
        1 + size(ofVarint: UInt64(count)) + count
    }

    /// Returns the encoded size of an integer field with a number below 16.
    @inline(__always)
    static func size(ofNumber value: UInt64) -> Int {
        value == 0 ? 0 : 1 + size(ofVarint: value)
    }

    @inline(__always)
    private static func size(ofVarint value: UInt64) -> Int {
        (70 - (value | 1).leadingZeroBitCount) / 7
    }

    /// Writes fields that are encoded already.
    @inline(__always)
    mutating func write(_ encoded: StaticString) {
        unsafe copy(from: UnsafeRawBufferPointer(start: encoded.utf8Start, count: encoded.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func write(_ field: UInt8, _ bytes: Span<UInt8>) {
        guard !bytes.isEmpty else { return }
        begin(field, ofMessage: bytes.count)
        unsafe bytes.withUnsafeBytes { unsafe copy(from: $0) }
    }

    @inline(__always)
    mutating func write(_ field: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        write(byte: field << 3)
        write(varint: value)
    }

    /// Writes an element of a repeated field, which is written even if it is empty.
    @inline(__always)
    mutating func write(element field: UInt8, _ bytes: Span<UInt8>) {
        begin(field, ofMessage: bytes.count)
        unsafe bytes.withUnsafeBytes { unsafe copy(from: $0) }
    }

    /// Writes the tag and the size of a message field. The caller writes its content next.
    @inline(__always)
    mutating func begin(_ field: UInt8, ofMessage count: Int) {
        write(byte: field << 3 | 2)
        write(varint: UInt64(count))
    }

    @inline(__always)
    private mutating func copy(from bytes: UnsafeRawBufferPointer) {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + bytes.count]).copyMemory(from: bytes)
        count += bytes.count
    }

    @inline(__always)
    private mutating func write(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            write(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        write(byte: UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    private mutating func write(byte: UInt8) {
        unsafe memory[count] = byte
        count += 1
    }
}
