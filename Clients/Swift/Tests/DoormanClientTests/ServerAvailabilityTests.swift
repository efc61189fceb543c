import DoormanSupport
import Testing

@testable import DoormanClient

@Suite("the availability of a server")
struct ServerAvailabilityTests {
    private enum Event {
        case failed, drained, responded, stayed
    }

    /// Returns the lines of events that come a second apart, with `nil` for events without a line.
    private func lines(_ events: Event...) -> [ServerAvailability.Line?] {
        var availability = ServerAvailability()
        return events.enumerated().map { index, event in
            let now = Instant(nanoseconds: UInt64(index + 1) * 1_000_000_000)
            switch event {
            case .failed: return availability.failed(at: now)
            case .drained: return availability.drained(at: now)
            case .responded:
                _ = availability.responded(at: now)
                return nil
            case .stayed: return availability.stayed()
            }
        }
    }

    @Test("a server that was reached is lost once and back once")
    func lost() {
        #expect(
            lines(.responded, .failed, .failed, .responded, .stayed, .stayed) == [
                nil, .lost, nil, nil, .back(after: .seconds(2)), nil,
            ])
    }

    @Test("a server that was never reached has a line of its own")
    func unreachable() {
        #expect(lines(.failed, .failed, .responded, .stayed) == [.unreachable, nil, nil, .back(after: .seconds(2))])
        #expect(lines(.responded, .stayed) == [nil, nil])
    }

    @Test("a server that fails before it has taken calls for long enough is still away")
    func flapping() {
        #expect(
            lines(.responded, .failed, .responded, .failed, .responded, .failed, .stayed, .responded, .stayed) == [
                nil, .lost, nil, nil, nil, nil, nil, nil, .back(after: .seconds(6)),
            ])
    }

    @Test("a server that drains is lost only if it can't be reached afterwards")
    func draining() {
        #expect(
            lines(.responded, .drained, .drained, .responded, .stayed) == [nil, .draining, nil, nil, .back(after: .seconds(2))])
        #expect(lines(.responded, .drained, .failed, .drained, .failed) == [nil, .draining, .lost, nil, nil])
        #expect(lines(.drained) == [.draining])
    }

    @Test("only the first response after a failure begins the time until a server is back")
    func firstResponse() {
        var availability = ServerAvailability()
        let now = Instant(nanoseconds: 1)
        var answers: [Bool] = []
        for _ in 0..<2 { answers.append(availability.responded(at: now)) }
        for _ in 0..<2 {
            _ = availability.failed(at: now)
            for _ in 0..<2 { answers.append(availability.responded(at: now)) }
        }
        #expect(answers == [false, false, true, false, true, false])
    }

    @Test(
        "a time has three decimals",
        arguments: [
            (Duration.zero, "0.000"), (.milliseconds(7), "0.007"), (.milliseconds(2250), "2.250"), (.seconds(3600), "3600.000"),
        ])
    func seconds(duration: Duration, text: String) {
        #expect(duration.secondsText == text)
    }
}
