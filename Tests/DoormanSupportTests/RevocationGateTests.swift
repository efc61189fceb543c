import DoormanSupport
import Testing

@Suite("The gate of revocations")
struct RevocationGateTests {
    private static let now = Instant(nanoseconds: 1_000)

    @Test("is always open without a fleet")
    func alone() {
        #expect(RevocationGate().isOpen(at: Instant(nanoseconds: .max - 1)))
    }

    @Test("is open until a time that only moves forward")
    func forward() {
        let gate = RevocationGate(openUntil: Instant(nanoseconds: 0))
        #expect(!gate.isOpen(at: Self.now))
        gate.extend(until: Self.now.advanced(by: .seconds(2)))
        gate.extend(until: Self.now.advanced(by: .seconds(1)))
        #expect(gate.isOpen(at: Self.now.advanced(by: .milliseconds(1_999))))
        #expect(!gate.isOpen(at: Self.now.advanced(by: .seconds(2))))
    }

    @Test("closes and opens for an event loop that knows an older time")
    func copies() {
        let gate = RevocationGate(openUntil: Self.now.advanced(by: .seconds(1)))
        var copy = RevocationGateCopy(of: gate)
        let isOpen = copy.isOpen(at: Self.now)
        let isOpenLater = copy.isOpen(at: Self.now.advanced(by: .seconds(1)))
        gate.extend(until: Self.now.advanced(by: .seconds(3)))
        let isOpenAgain = copy.isOpen(at: Self.now.advanced(by: .seconds(2)))
        #expect(isOpen && !isOpenLater && isOpenAgain)
    }
}
