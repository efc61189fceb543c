internal import DoormanCore
internal import DoormanSupport
private import Glibc

extension TimeSource {
    /// The machine's clocks: `CLOCK_MONOTONIC` and `CLOCK_REALTIME`. See clock_gettime(2).
    static let system = TimeSource(
        now: {
            let time = read(CLOCK_MONOTONIC)
            return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
        },
        wallTime: {
            let time = read(CLOCK_REALTIME)
            return Timestamp(millisecondsSince1970: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        })

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        let result = unsafe clock_gettime(clock, &time)
        precondition(result == 0, "every Linux kernel has this clock")
        return time
    }
}
