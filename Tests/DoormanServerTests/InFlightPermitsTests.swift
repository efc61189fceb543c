import CallerLimits
import DoormanSupport
import DoormanWire
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
        #expect([first.take(), first.take(), first.take()] == [nil, nil, .tooManyCallsOfCaller])
        #expect([second.take(), second.take(), unlimited.take()] == [nil, .tooManyCallsAtServer, .tooManyCallsAtServer])
        #expect(server.count == 3)
        first.release(2)
        #expect([second.take(), second.take(), unlimited.take()] == [nil, .tooManyCallsOfCaller, nil])
        unlimited.release(1)
        second.release(2)
        #expect(server.count == 0)
    }
}
