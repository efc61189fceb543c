private import CMalloc
private import Glibc
private import NIOCore

/// The arenas of the C library's allocator. By itself it gives nearly every thread one of its own, up to eight for each core, and keeps
/// in each what a burst needed, for good. Calls that wait cost some kilobytes each, in the arena of whichever thread began them: a
/// process whose threads take turns at bursts would end up with the memory of many.
package enum MemoryArenas {
    /// Has threads that are started from now on share one arena for each core, so that event loops don't wait for each other, and one
    /// more, unless the environment says how many (`MALLOC_ARENA_MAX`, or `GLIBC_TUNABLES`). See mallopt(3), `M_ARENA_MAX`.
    package static func limit() {
        guard unsafe getenv("MALLOC_ARENA_MAX") == nil, unsafe getenv("GLIBC_TUNABLES") == nil else { return }
        mallopt(M_ARENA_MAX, CInt(clamping: NIOCore.System.coreCount + 1))
    }
}
