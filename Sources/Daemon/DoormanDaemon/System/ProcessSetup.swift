private import CMalloc
private import Glibc
private import NIOCore

/// SIGHUP, by which an operator asks for a reload, and by which a terminal that closes would end the process.
package enum SIGHUPHandler {
    /// Has it do nothing, until somebody listens for it or after that. See signal(7).
    package static func ignore() {
        signal(SIGHUP, SIG_IGN)
    }
}

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

/// How many files and sockets this process may have open (`RLIMIT_NOFILE`, getrlimit(2)). The usual soft limit of 1,024 is for
/// programs that use select(2), and far below what a server needs.
enum DescriptorLimit {
    /// Raises the soft limit to the hard one.
    ///
    /// - Returns: The limit in force.
    static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        return Int(clamping: limit.rlim_cur)
    }
}
