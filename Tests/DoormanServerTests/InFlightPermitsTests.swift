import CallerLimits
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@testable import DoormanServer

@Suite("In-flight permits")
struct InFlightPermitsTests {
    private func limits(inFlight: Int) -> CallerQuota.Limits {
        var limits = CallerQuota.Limits()
        limits.callsInFlight = inFlight
        return limits
    }

    @Test("a permit is taken from both caller and server or from neither")
    func takesBothOrNeither() {
        let server = InFlightCounter(maximum: 3)
        let first = InFlightPermits(server: server, caller: CallerQuota(limits(inFlight: 2)))
        let second = InFlightPermits(server: server, caller: CallerQuota(limits(inFlight: 2)))
        let unlimited = InFlightPermits(server: server, caller: nil)
        let take = { (permits: InFlightPermits) in permits.takePermit(at: SteppedClock().now)?.failure }
        #expect([take(first), take(first), take(first)] == [nil, nil, .tooManyCallsOfCaller])
        #expect([take(second), take(second), take(unlimited)] == [nil, .tooManyCallsAtServer, .tooManyCallsAtServer])
        #expect(server.count == 3)
        first.releasePermits(2)
        #expect([take(second), take(second), take(unlimited)] == [nil, .tooManyCallsOfCaller, nil])
        unlimited.releasePermits(1)
        second.releasePermits(2)
        #expect(server.count == 0)
    }

    @Test("calls without a permit are told different times to come back", arguments: [true, false])
    func retryTimes(ofCaller: Bool) {
        let server = InFlightCounter(maximum: 1)
        let permits = InFlightPermits(server: server, caller: ofCaller ? CallerQuota(limits(inFlight: 1)) : nil)
        let clock = SteppedClock()
        #expect(permits.takePermit(at: clock.now) == nil)
        let times = (0..<400).compactMap { _ in permits.takePermit(at: clock.now)?.retryAfter }
        for (index, time) in times.enumerated() {
            #expect((.milliseconds(100 + index)..<(.milliseconds(101 + index))).contains(time))
        }
        #expect(times.count == 400)
        // Times that have passed drop out.
        clock.advance(by: .seconds(1))
        #expect(permits.takePermit(at: clock.now)?.retryAfter ?? .zero < .milliseconds(101))
        permits.releasePermits(1)
    }
}
