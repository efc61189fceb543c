/// SplitMix64 (Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014).
///
/// The same seed gives the same sequence on every machine, so a seed reproduces a simulation or a test. Not for secrets: 64 bits of
/// output suffice to predict the rest.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Creates a generator.
    ///
    /// - Parameter seed: Any number. Seeds that differ in one bit give unrelated sequences.
    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
