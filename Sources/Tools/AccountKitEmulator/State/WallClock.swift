private import Glibc

/// The wall clock. See time(2).
enum WallClock {
    /// Returns the whole seconds since 1970-01-01T00:00:00Z.
    static func now() -> Int { time(nil) }
}
