internal import DoormanCore
internal import DoormanSupport
private import Glibc

/// The machine's clocks. See clock_gettime(2).
enum SystemClock {
    /// Returns the time of `CLOCK_BOOTTIME`, which goes on while the machine is suspended. With `CLOCK_MONOTONIC`, entries of the cache
    /// would stay fresh for hours after a suspension.
    static func now() -> Instant {
        let time = read(CLOCK_BOOTTIME)
        return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// Returns the time of `CLOCK_REALTIME`.
    static func wallTime() -> Timestamp {
        let time = read(CLOCK_REALTIME)
        return Timestamp(millisecondsSince1970: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        let result = unsafe clock_gettime(clock, &time)
        precondition(result == 0, "every Linux kernel has this clock")
        return time
    }
}

extension TimeSource {
    /// The machine's clocks.
    static let system = TimeSource(now: SystemClock.now, wallTime: SystemClock.wallTime)
}
