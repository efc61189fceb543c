/// Why nobody could be logged in.
package enum EmulatorFailure: Error, Sendable, Hashable {
    /// Nothing listens there, in words.
    case unreachable(String)
    case timedOut
    /// Something listens there that is no emulator, in words.
    case noEmulator(String)
    /// The emulator's own words for what is wrong with the request.
    case refused(String)
}
