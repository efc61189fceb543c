private import CMalloc
private import Glibc
private import NIOCore

/// The handling of SIGHUP, which operators send for a reload. By default the signal ends the process, also when a terminal closes.
package enum SIGHUPHandler {
    /// Ignores the signal, for the times before and after the process listens for it. See signal(7).
    package static func ignore() {
        signal(SIGHUP, SIG_IGN)
    }
}

/// The handling of SIGPIPE, which a write to a closed pipe sends. By default the signal ends the process.
package enum SIGPIPEHandler {
    /// Ignores the signal: the server outlives the reader of its log.
    package static func ignore() {
        signal(SIGPIPE, SIG_IGN)
    }
}

/// The arenas of the C library's allocator. By default nearly every thread gets its own arena, up to eight per core, and an arena never
/// returns the memory of a burst. A waiting call takes some kilobytes in the arena of the thread that began it. Bursts on different
/// threads would add up.
package enum MemoryArenas {
    /// Limits threads that start later to one arena per core, so that event loops don't wait for each other, plus one. The environment
    /// (`MALLOC_ARENA_MAX` or `GLIBC_TUNABLES`) overrides the limit. See mallopt(3), `M_ARENA_MAX`.
    package static func limit() {
        guard unsafe getenv("MALLOC_ARENA_MAX") == nil, unsafe getenv("GLIBC_TUNABLES") == nil else { return }
        mallopt(M_ARENA_MAX, CInt(clamping: NIOCore.System.coreCount + 1))
    }
}

/// The limit on open files and sockets of this process (`RLIMIT_NOFILE`, getrlimit(2)). The usual soft limit of 1,024 exists for programs
/// that use select(2). A server needs far more.
enum DescriptorLimit {
    /// Raises the soft limit to the hard limit.
    ///
    /// - Returns: The new soft limit, or 0 if it is unknown.
    static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        return Int(clamping: limit.rlim_cur)
    }
}
