import DoormanCore
import DoormanSupport
import DoormanWire
import Testing

@testable import DoormanClient

@Suite("the calls of a connection")
struct ConnectionStateMachineTests {
    typealias Machine = Connection.StateMachine<Int>

    let start = Instant(nanoseconds: 1_000_000_000)

    /// Every relevant state. In all but the first, stream 1 belongs to call 1.
    enum Situation: CaseIterable {
        case fresh, pending, abandoned, answered, draining, drainingAbandoned, closed

        var machine: Machine {
            var machine = Machine(maximumCallsInFlight: 2, at: Instant(nanoseconds: 1_000_000_000))
            guard self != .fresh else { return machine }
            _ = machine.start(1, at: Instant(nanoseconds: 1_000_000_000))
            machine.wrote()
            switch self {
            case .fresh, .pending: break
            case .abandoned: _ = machine.abandon(StreamID(1))
            case .answered: _ = machine.answered(StreamID(1), at: Instant(nanoseconds: 1_000_000_000))
            case .draining: _ = machine.drain()
            case .drainingAbandoned:
                _ = machine.drain()
                _ = machine.abandon(StreamID(1))
            case .closed: _ = machine.closed()
            }
            return machine
        }
    }

    @Test(
        "a response on stream 1 completes its call, is ignored, or is a violation",
        arguments: [
            (.fresh, .violation), (.pending, .complete(1)), (.abandoned, .ignore), (.answered, .violation),
            (.draining, .complete(1)), (.drainingAbandoned, .ignore), (.closed, .ignore),
        ] as [(Situation, Machine.ResponseAction)])
    func response(situation: Situation, expected: Machine.ResponseAction) {
        var machine = situation.machine
        #expect(machine.answered(StreamID(1), at: start) == expected)
    }

    @Test(
        "a response on an unused stream is a violation",
        arguments: [2, 3, 0, 0xffff_ffff] as [UInt32], Situation.allCases)
    func strayResponse(id: UInt32, situation: Situation) {
        var machine = situation.machine
        #expect(machine.answered(StreamID(id), at: start) == (situation == .closed ? .ignore : .violation))
    }

    @Test("a call that is rolled back leaves its stream to the next call")
    func leavesNothing() {
        var machine = Situation.pending.machine
        #expect(machine.start(2, at: start) == .send(StreamID(3)) && machine.unwritten == 1)
        machine.rollbackSend(StreamID(3))
        #expect(machine.unwritten == 0 && machine.callsInFlight == 1)
        #expect(machine.start(3, at: start) == .send(StreamID(3)) && machine.unwritten == 1)
        machine.wrote()
        #expect(machine.unwritten == 0)
    }

    @Test(
        "a call gets the next odd stream if there is capacity",
        arguments: [
            (.fresh, .send(StreamID(1))), (.pending, .send(StreamID(3))), (.abandoned, .send(StreamID(3))),
            (.answered, .send(StreamID(3))), (.draining, .noCapacity), (.drainingAbandoned, .noCapacity), (.closed, .noCapacity),
        ] as [(Situation, Machine.StartAction)])
    func startCall(situation: Situation, expected: Machine.StartAction) {
        var machine = situation.machine
        #expect(machine.start(2, at: start) == expected)
    }

    @Test(
        "draining closes at once if no call is pending",
        arguments: [
            (.fresh, .close), (.pending, .none), (.abandoned, .close), (.answered, .close), (.draining, .none),
            (.drainingAbandoned, .close), (.closed, .none),
        ] as [(Situation, Machine.CloseAction)])
    func drain(situation: Situation, expected: Machine.CloseAction) {
        var machine = situation.machine
        #expect(machine.drain() == expected)
    }

    @Test(
        "abandoning the last call closes a draining connection",
        arguments: [
            (.fresh, .none), (.pending, .none), (.abandoned, .none), (.answered, .none), (.draining, .close),
            (.drainingAbandoned, .close), (.closed, .none),
        ] as [(Situation, Machine.CloseAction)])
    func abandon(situation: Situation, expected: Machine.CloseAction) {
        var machine = situation.machine
        #expect(machine.abandon(StreamID(1)) == expected)
    }

    @Test("a closed connection leaves its pending calls", arguments: Situation.allCases)
    func closed(situation: Situation) {
        var machine = situation.machine
        let waits = situation == .pending || situation == .draining
        #expect(machine.closed() == Machine.Leftovers(unsent: [], unanswered: waits ? [1] : []))
        #expect(machine.capacity == .none)
    }

    @Test("a closed connection separates unsent calls from unanswered calls")
    func unsent() {
        var machine = Machine(maximumCallsInFlight: 10, at: start)
        for number in 1...2 { _ = machine.start(number, at: start) }
        machine.wrote()
        for number in 3...4 { _ = machine.start(number, at: start) }
        #expect(
            machine.closed() == Machine.Leftovers(unsent: [3, 4], unanswered: [1, 2]))
    }

    @Test("an abandoned call counts as in flight until its response")
    func abandonedCount() {
        var machine = Machine(maximumCallsInFlight: 1, at: start)
        _ = machine.start(1, at: start)
        #expect(machine.capacity == .full)
        _ = machine.abandon(StreamID(1))
        #expect(machine.capacity == .full)
        #expect(machine.start(2, at: start) == .noCapacity)
        #expect(machine.answered(StreamID(1), at: start) == .ignore)
        #expect(machine.capacity == .free)
    }

    @Test("a connection has no capacity after its last stream ID")
    func lastID() {
        var machine = Machine(maximumCallsInFlight: 10, lastID: StreamID(5), at: start)
        for id in [1, 3, 5] as [UInt32] {
            #expect(machine.start(Int(id), at: start) == .send(StreamID(id)))
        }
        #expect(machine.capacity == .none)
        #expect(machine.start(7, at: start) == .noCapacity)
        #expect(machine.answered(StreamID(5), at: start) == .complete(5))
        #expect(machine.capacity == .none)
    }

    @Test("silence begins at the first unanswered call or the last response")
    func silence() {
        var machine = Machine(maximumCallsInFlight: 10, at: start)
        func after(_ seconds: Double) -> Instant { start.advanced(by: .seconds(seconds)) }
        #expect(machine.silentSince == nil)
        _ = machine.start(1, at: start)
        _ = machine.start(2, at: after(2))
        #expect(machine.silentSince == start)
        _ = machine.answered(StreamID(1), at: after(4))
        #expect(machine.silentSince == after(4))
        _ = machine.abandon(StreamID(3))
        #expect(machine.silentSince == after(4))
        _ = machine.answered(StreamID(3), at: after(8))
        #expect(machine.silentSince == nil)
        #expect(machine.lastHeard == after(8))
        #expect(machine.lastUse == after(2))
    }

    @Test("a health check does not count as a call in flight", arguments: Situation.allCases)
    func ping(situation: Situation) {
        var machine = situation.machine
        let inFlight = machine.callsInFlight
        let id = machine.startPing(at: start)
        guard [.fresh, .pending, .abandoned, .answered].contains(situation) else {
            #expect(id == nil)
            return
        }
        #expect(id == StreamID(situation == .fresh ? 1 : 3))
        #expect(machine.callsInFlight == inFlight)
        #expect(machine.pingedSince == start)
        #expect(machine.startPing(at: start) == nil)
        let actions = (0..<2).map { _ in machine.answered(id ?? StreamID(0), at: start) }
        #expect(actions == [.pong, .violation])
        #expect(machine.pingedSince == nil)
    }

    @Test("a health check without a response keeps a connection silent")
    func lostPing() {
        var machine = Machine(maximumCallsInFlight: 10, at: start)
        _ = machine.startPing(at: start)
        #expect(machine.silentSince == start)
        #expect(machine.closed() == Machine.Leftovers())
        #expect(machine.pingedSince == nil)
    }
}
