import Glibc
import Testing

@testable import DoormanDaemon

@Suite("The system's clocks")
struct SystemClockTests {
    private func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    @Test("ages are measured by the clock that goes on while the machine is suspended")
    func boottime() {
        let before = read(CLOCK_BOOTTIME)
        let now = SystemClock.now().nanoseconds
        #expect((before...read(CLOCK_BOOTTIME)).contains(now))
    }
}
