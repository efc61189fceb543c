/// A response in its encoded form, which is encoded once for the cache and copied for each call. The bytes are opaque here.
///
/// Up to 126 bytes are stored inline, so that the cache stores them beside their key. A cache hit then touches no heap object, and
/// needs no reference counting.
package struct EncodedResponse: Sendable, Hashable {
    /// The bytes, if they fit; ``Short/none`` otherwise.
    package var short: Short
    /// The bytes, if they don't fit into ``short``.
    package var long: [UInt8] = []

    package init(bytes: [UInt8]) {
        if let short = Short(bytes) {
            self.short = short
        } else {
            short = .none
            long = bytes
        }
    }

    /// Creates an empty response.
    package init() {
        short = Short()
    }

    /// Makes the response empty. ``long`` keeps its content, which is ignored, to avoid reference counting.
    @inline(__always)
    package mutating func clear() { short = Short() }

    package var bytes: [UInt8] { short.bytes ?? long }

    /// Runs `body` with the bytes. Allocates no memory, so it suits a cache hit.
    @inline(__always)
    package func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        guard let count = short.count else { return body(long.span) }
        return unsafe withUnsafeBytes(of: short.lines) { lines in
            unsafe lines.withMemoryRebound(to: UInt8.self) { bytes in
                body(unsafe UnsafeBufferPointer(rebasing: bytes[..<count]).span)
            }
        }
    }

    package static func == (lhs: EncodedResponse, rhs: EncodedResponse) -> Bool { lhs.bytes == rhs.bytes }

    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

extension EncodedResponse {
    /// Up to 126 bytes with their count, in two cache lines of the processor.
    package struct Short: Sendable, BitwiseCopyable {
        package typealias Lines = (SIMD8<UInt64>, SIMD8<UInt64>)

        /// The maximum number of bytes. Account Kit's identities need about 100, and more with a long e-mail address.
        package static let capacity = MemoryLayout<Lines>.size - MemoryLayout<UInt16>.size
        /// The value for a response that does not fit.
        package static let none = Short(count: UInt16.max)

        /// The bytes, then unspecified bytes. The last two bytes are the count, in little-endian order.
        package private(set) var lines: Lines = (SIMD8(), SIMD8())

        package init() {}

        private init(count: UInt16) {
            lines.1[7] = (UInt64(count) << 48).littleEndian
        }

        /// `nil` if the bytes don't fit.
        init?(_ bytes: [UInt8]) {
            guard bytes.count <= Self.capacity else { return nil }
            unsafe withUnsafeMutableBytes(of: &lines) { unsafe $0.copyBytes(from: bytes) }
            lines.1[7] |= (UInt64(bytes.count) << 48).littleEndian
        }

        /// The number of bytes; `nil` for ``none``.
        @inline(__always)
        package var count: Int? {
            let count = UInt16(truncatingIfNeeded: lines.1[7].littleEndian >> 48)
            return count == .max ? nil : Int(count)
        }

        /// Returns the first range with these bytes; `nil` without them.
        package func range(of text: [UInt8]) -> Range<Int>? {
            guard let bytes, text.count <= bytes.count else { return nil }
            for start in 0...bytes.count - text.count where bytes[start..<start + text.count].elementsEqual(text) {
                return start..<start + text.count
            }
            return nil
        }

        /// Returns whether a range has exactly these bytes. Allocates no memory, so it suits a cache hit.
        @inline(__always)
        package func has(_ text: Span<UInt8>, in range: Range<Int>) -> Bool {
            guard text.count == range.count, range.upperBound <= Self.capacity else { return false }
            return unsafe withUnsafeBytes(of: lines) { bytes in
                for index in text.indices where unsafe bytes[range.lowerBound + index] != text[index] { return false }
                return true
            }
        }

        /// The bytes; `nil` for ``none``.
        var bytes: [UInt8]? {
            guard let count else { return nil }
            return unsafe withUnsafeBytes(of: lines) { unsafe Array($0.prefix(count)) }
        }
    }
}
