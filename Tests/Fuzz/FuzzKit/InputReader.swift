/// Takes a fuzzer's input apart from its front. Past its end everything is zero and empty, so every input means something.
package struct InputReader {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: some Collection<UInt8>) {
        rest = ArraySlice(bytes)
    }

    /// The bytes as libFuzzer hands them over. Copied, so that nothing reads the fuzzer's own memory later on.
    package init(start: UnsafePointer<UInt8>, count: Int) {
        self.init(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    }

    package var isAtEnd: Bool { rest.isEmpty }

    package mutating func byte() -> UInt8 {
        rest.popFirst() ?? 0
    }

    /// From the back, where a mutation of what stands in front does not move it.
    package mutating func lastByte() -> UInt8 {
        rest.popLast() ?? 0
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// What stands before the next separator, or before the end.
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
