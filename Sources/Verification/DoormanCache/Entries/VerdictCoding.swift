package import DoormanCore
package import DoormanSupport

/// The form of verdicts on the wire, which the cache does not know itself. Both functions are pure, and need about a microsecond at most.
package struct VerdictCoding: Sendable {
    /// Encodes a verdict for the wire.
    package let encode: @Sendable (Verdict) -> EncodedResponse
    /// Reads a verdict back from its encoded form; `nil` if that is not possible. Then the cache stores the verdict beside its response.
    ///
    /// Called with a shard's lock held.
    package let decode: @Sendable (EncodedResponse) -> Verdict?

    /// - Parameter decode: The default reads nothing back.
    package init(
        encode: @escaping @Sendable (Verdict) -> EncodedResponse,
        decode: @escaping @Sendable (EncodedResponse) -> Verdict? = { _ in nil }
    ) {
        self.encode = encode
        self.decode = decode
    }
}
