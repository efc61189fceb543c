/// An answer as it goes over the wire, packed once when it is remembered and copied whenever it is given. What the bytes mean is
/// known to whoever packed them.
///
/// As a rule the bytes lie in the value itself, so that memory can keep them beside their key, and giving an answer touches no heap
/// object and counts no reference.
package struct EncodedResponse: Sendable, Hashable {
    package var short: Short
    /// The bytes, where ``short`` has no room for them.
    package var long: [UInt8] = []

    package init(bytes: [UInt8]) {
        if let short = Short(bytes) {
            self.short = short
        } else {
            short = .none
            long = bytes
        }
    }

    /// An empty one: room to copy another into.
    package init() {
        short = Short()
    }

    /// Empties it. What ``long`` holds does not count then.
    @inline(__always)
    package mutating func clear() { short = Short() }

    package var bytes: [UInt8] { short.bytes ?? long }

    package static func == (one: EncodedResponse, other: EncodedResponse) -> Bool { one.bytes == other.bytes }

    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

extension EncodedResponse {
    /// Up to 126 bytes, and how many they are: 128 bytes in two lines of the processor's cache.
    package struct Short: Sendable, BitwiseCopyable {
        package typealias Lines = (SIMD8<UInt64>, SIMD8<UInt64>)

        /// Account Kit's identities take about 100; those with a long e-mail address take more.
        package static let capacity = MemoryLayout<Lines>.size - MemoryLayout<UInt16>.size
        /// In place of a short reply where there is a long one.
        package static let none = Short(count: UInt16.max)

        /// The bytes, whatever follows them, and in the last two their count, the lower byte first.
        package private(set) var lines: Lines = (SIMD8(), SIMD8())

        package init() {}

        private init(count: UInt16) {
            lines.1[7] = (UInt64(count) << 48).littleEndian
        }

        /// Nil if there are too many.
        init?(_ bytes: [UInt8]) {
            guard bytes.count <= Self.capacity else { return nil }
            unsafe withUnsafeMutableBytes(of: &lines) { unsafe $0.copyBytes(from: bytes) }
            lines.1[7] |= (UInt64(bytes.count) << 48).littleEndian
        }

        /// Nil for ``none``.
        @inline(__always)
        package var count: Int? {
            let count = UInt16(truncatingIfNeeded: lines.1[7].littleEndian >> 48)
            return count == .max ? nil : Int(count)
        }

        /// Nil for ``none``.
        var bytes: [UInt8]? {
            guard let count else { return nil }
            return unsafe withUnsafeBytes(of: lines) { unsafe Array($0.prefix(count)) }
        }
    }
}
