private import Glibc

/// How large tests are that can be of any size: `DOORMAN_FULL_DAYS=1` takes minutes, and wants a release build.
package enum TestSize {
    package static let isFull = unsafe getenv("DOORMAN_FULL_DAYS") != nil
}
