import Logging
import TestKit
import Testing

@testable import DoormanServer

@Suite("The rate-limited logger")
struct RateLimitedLoggerTests {
    @Test("after the first line of a kind one line per second is logged with the count of suppressed events")
    func limits() {
        let (recorder, clock) = (LogRecorder(), SteppedClock())
        let log = RateLimitedLogger(Logger(label: "test", factory: { _ in recorder }), now: { clock.now })
        for _ in 0..<1000 { log.log(.notice, about: "a", "of kind a", [:]) }
        log.log(.notice, about: "b", "of kind b", [:])
        #expect(recorder.lines.count == 2)
        clock.advance(by: .seconds(1))
        for _ in 0..<1000 { log.log(.notice, about: "a", "of kind a", [:]) }
        #expect(recorder.lines.count == 3)
        #expect(recorder.lines.last?.contains("suppressed=999") == true)
    }
}
