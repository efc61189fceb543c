/// A whole answer, as far as anybody looks at it.
struct HTTPAnswer: Sendable, Hashable {
    /// The longest body that is taken, in bytes. An emulator's answers are far shorter.
    static let longestBody = 64 << 10

    let status: Int
    let body: [UInt8]
}
