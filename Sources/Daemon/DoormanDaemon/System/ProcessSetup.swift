private import CMalloc
private import Glibc
private import NIOCore

/// The signal SIGHUP: an operator sends it for a reload, and a terminal that closes would end the process by it.
package enum SIGHUPHandler {
    /// Ignores the signal: before the process listens for it, and after that. See signal(7).
    package static func ignore() {
        signal(SIGHUP, SIG_IGN)
    }
}

/// The arenas of the C library's allocator. By default nearly every thread gets an arena of its own, up to eight for each core, and each
/// keeps for good what a burst needed. Waiting calls cost some kilobytes each, in the arena of the thread that began them: a process
/// whose threads take turns at bursts would end up with the memory of many.
package enum MemoryArenas {
    /// Limits threads that start later to an arena for each core, so that event loops don't wait for each other, and one more. The
    /// environment (`MALLOC_ARENA_MAX` or `GLIBC_TUNABLES`) overrides it. See mallopt(3), `M_ARENA_MAX`.
    package static func limit() {
        guard unsafe getenv("MALLOC_ARENA_MAX") == nil, unsafe getenv("GLIBC_TUNABLES") == nil else { return }
        mallopt(M_ARENA_MAX, CInt(clamping: NIOCore.System.coreCount + 1))
    }
}

/// The limit on open files and sockets of this process (`RLIMIT_NOFILE`, getrlimit(2)). The usual soft limit of 1,024 is for programs
/// that use select(2), and far below what a server needs.
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
