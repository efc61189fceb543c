/// Reads a fuzzer's input from the front. Past the end it returns zeros and empty arrays, so that every input is valid.
package struct InputReader {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: some Collection<UInt8>) {
        rest = ArraySlice(bytes)
    }

    /// Creates a reader from libFuzzer's arguments. Copies the bytes, so that nothing reads the fuzzer's memory later.
    package init(start: UnsafePointer<UInt8>, count: Int) {
        self.init(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    }

    package var isAtEnd: Bool { rest.isEmpty }

    package mutating func byte() -> UInt8 {
        rest.popFirst() ?? 0
    }

    /// Takes the last byte. A mutation of the bytes before it does not move it.
    package mutating func lastByte() -> UInt8 {
        rest.popLast() ?? 0
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// Takes the bytes before the next separator, or before the end, and skips the separator.
    package mutating func bytes(until separator: UInt8) -> [UInt8] {
        let end = rest.firstIndex(of: separator) ?? rest.endIndex
        defer { rest = rest[end...].dropFirst() }
        return Array(rest[..<end])
    }

    package mutating func remaining() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }
}
