private import Glibc

/// The size of tests that can have any size. `DOORMAN_FULL_DAYS=1` selects the full size, which takes minutes and needs a release build.
package enum TestSize {
    package static let isFull = unsafe getenv("DOORMAN_FULL_DAYS") != nil
}
