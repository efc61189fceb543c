import Testing

@testable import DoormanServer

@Suite("Events of callers for the log")
struct CallerEventsTests {
    private static let limit = CallerEvent.Kind.limitExceeded("calls-per-second in policy.yaml")

    private static func flood() -> CallerEvents {
        var events = CallerEvents()
        for number in 0..<1_000 { events.note(CallerEvent(caller: "uid:\(number)", kind: limit)) }
        return events
    }

    @Test("further callers are counted together")
    func others() {
        let events = Self.flood()
        #expect(events.counts.count == CallerEvents.maximumCount + 1)
        #expect(events.counts[CallerEvent(caller: "others", kind: Self.limit)] == 1_000 - UInt64(CallerEvents.maximumCount))
    }

    @Test("a limit of the server is not hidden by a flood of callers")
    func serverLimit() {
        var events = Self.flood()
        let event = CallerEvent(caller: nil, kind: .limitExceeded("server.max-waiting-calls"))
        events.note(event)
        var all = Self.flood()
        all.add(events)
        #expect(all.counts[event] == 1)
    }
}
