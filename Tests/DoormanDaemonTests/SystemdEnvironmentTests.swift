import Dispatch
import Glibc
import NIOConcurrencyHelpers
import NIOPosix
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Environment of systemd")
struct ServiceManagerTests {
    @Test(
        "the watchdog is on for this process, or if no process is named",
        arguments: [
            ([:], nil), (["WATCHDOG_USEC": "30000000"], .seconds(30)),
            (["WATCHDOG_USEC": "5", "WATCHDOG_PID": "7"], .microseconds(5)),
            (["WATCHDOG_USEC": "5", "WATCHDOG_PID": "8"], nil), (["WATCHDOG_USEC": "5", "WATCHDOG_PID": ""], nil),
            (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "-5"], nil), (["WATCHDOG_USEC": "soon"], nil),
            (["WATCHDOG_PID": "7"], nil),
        ] as [([String: String], Duration?)])
    func watchdog(variables: [String: String], timeout: Duration?) {
        #expect(SystemdEnvironment(variables: variables, processID: 7).watchdogTimeout == timeout)
    }

    @Test("the variables are taken out of the environment, so that children do not inherit them")
    func environment() {
        let names = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
        for name in names { unsafe setenv(name, "1000", 1) }
        let systemd = SystemdEnvironment.takeFromEnvironment()
        for name in names { #expect(unsafe getenv(name) == nil, "\(name)") }
        #expect(systemd.passedSockets.count == 1000)
        #expect(systemd.passedSockets.names == "1000")
    }

    @Test("signs of life need a response of every event loop")
    func stuckLoop() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let loops = Array(group.makeIterator())
        let signs = NIOLockedValueBox(0)
        let watchdog = Watchdog(timeout: .milliseconds(2), loops: loops) { signs.withLockedValue { $0 += 1 } }
        let running = Task { await watchdog.run() }
        try await eventually("five signs of life") { signs.withLockedValue { $0 } >= 5 }

        let (isStuck, release) = (NIOLockedValueBox(false), DispatchSemaphore(value: 0))
        loops[1].execute {
            isStuck.withLockedValue { $0 = true }
            release.wait()
        }
        try await eventually("the loop is stuck") { isStuck.withLockedValue { $0 } }
        // A check that began before may still send one.
        var last = (count: -1, since: ContinuousClock.now)
        try await eventually("a hundred intervals without a sign of life") {
            let count = signs.withLockedValue { $0 }
            if count != last.count { last = (count, .now) }
            return ContinuousClock.now - last.since > .milliseconds(100)
        }
        #expect(last.count == signs.withLockedValue { $0 })

        // A stuck loop does not hold the shutdown.
        running.cancel()
        await running.value
        release.signal()
        try await group.shutdownGracefully()
    }
}
