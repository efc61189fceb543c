/// SplitMix64 (Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014).
///
/// The same seed gives the same sequence on every machine, so that a seed reproduces a simulation or a test. Not for secrets: 64 bits of
/// output are enough to foresee the rest.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts the sequence of a seed.
    ///
    /// - Parameter seed: Any number. Two generators with the same seed give the same sequence; seeds that differ in one bit give
    ///   sequences that have nothing in common.
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
