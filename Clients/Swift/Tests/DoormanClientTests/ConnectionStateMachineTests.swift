import DoormanCore
import DoormanSupport
import DoormanWire
import Testing

@testable import DoormanClient

@Suite("the calls of a connection")
struct ConnectionStateMachineTests {
    typealias Machine = Connection.StateMachine<Int>

    let start = Instant(nanoseconds: 1_000_000_000)

    /// Every state that matters. In all but the first, stream 1 belongs to call 1.
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
        "an answer to stream 1 reaches its call, is ignored, or is the server's fault",
        arguments: [
            (.fresh, .violation), (.pending, .complete(1)), (.abandoned, .ignore), (.answered, .violation),
            (.draining, .complete(1)), (.drainingAbandoned, .ignore), (.closed, .ignore),
        ] as [(Situation, Machine.AnswerAction)])
    func answer(situation: Situation, expected: Machine.AnswerAction) {
        var machine = situation.machine
        #expect(machine.answered(StreamID(1), at: start) == expected)
    }

    @Test(
        "an answer to a stream that was never used is the server's fault",
        arguments: [2, 3, 0, 0xffff_ffff] as [UInt32], Situation.allCases)
    func strangeAnswer(id: UInt32, situation: Situation) {
        var machine = situation.machine
        #expect(machine.answered(StreamID(id), at: start) == (situation == .closed ? .ignore : .violation))
    }

    @Test("a call that is not sent after all leaves its stream to the next, and nothing that is unwritten")
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
        "a call gets the next odd stream where there is room",
        arguments: [
            (.fresh, .send(StreamID(1))), (.pending, .send(StreamID(3))), (.abandoned, .send(StreamID(3))),
            (.answered, .send(StreamID(3))), (.draining, .refuse), (.drainingAbandoned, .refuse), (.closed, .refuse),
        ] as [(Situation, Machine.StartAction)])
    func startCall(situation: Situation, expected: Machine.StartAction) {
        var machine = situation.machine
        #expect(machine.start(2, at: start) == expected)
    }

    @Test(
        "draining closes at once only if no call waits",
        arguments: [
            (.fresh, .close), (.pending, .none), (.abandoned, .close), (.answered, .close), (.draining, .none),
            (.drainingAbandoned, .close), (.closed, .none),
        ] as [(Situation, Machine.CloseAction)])
    func drain(situation: Situation, expected: Machine.CloseAction) {
        var machine = situation.machine
        #expect(machine.drain() == expected)
    }

    @Test(
        "giving a call up closes only a draining connection, with its last call",
        arguments: [
            (.fresh, .none), (.pending, .none), (.abandoned, .none), (.answered, .none), (.draining, .close),
            (.drainingAbandoned, .close), (.closed, .none),
        ] as [(Situation, Machine.CloseAction)])
    func abandon(situation: Situation, expected: Machine.CloseAction) {
        var machine = situation.machine
        #expect(machine.abandon(StreamID(1)) == expected)
    }

    @Test("an ended connection leaves those that wait, and only those", arguments: Situation.allCases)
    func closed(situation: Situation) {
        var machine = situation.machine
        let waits = situation == .pending || situation == .draining
        #expect(machine.closed() == Machine.Leftovers(unsent: [], unanswered: waits ? [1] : []))
        #expect(machine.capacity == .none)
    }

    @Test("calls whose bytes never left are told apart from those that the server may have begun")
    func unsent() {
        var machine = Machine(maximumCallsInFlight: 10, at: start)
        for number in 1...2 { _ = machine.start(number, at: start) }
        machine.wrote()
        for number in 3...4 { _ = machine.start(number, at: start) }
        #expect(
            machine.closed() == Machine.Leftovers(unsent: [3, 4], unanswered: [1, 2]))
    }

    @Test("calls that were given up count until the server has answered them")
    func abandonedCount() {
        var machine = Machine(maximumCallsInFlight: 1, at: start)
        _ = machine.start(1, at: start)
        #expect(machine.capacity == .full)
        _ = machine.abandon(StreamID(1))
        #expect(machine.capacity == .full)
        #expect(machine.start(2, at: start) == .refuse)
        #expect(machine.answered(StreamID(1), at: start) == .ignore)
        #expect(machine.capacity == .free)
    }

    @Test("a connection is used up when its stream ids are")
    func lastID() {
        var machine = Machine(maximumCallsInFlight: 10, lastID: StreamID(5), at: start)
        for id in [1, 3, 5] as [UInt32] {
            #expect(machine.start(Int(id), at: start) == .send(StreamID(id)))
        }
        #expect(machine.capacity == .none)
        #expect(machine.start(7, at: start) == .refuse)
        #expect(machine.answered(StreamID(5), at: start) == .complete(5))
        #expect(machine.capacity == .none)
    }

    @Test("silence counts from the first unanswered call, and any answer breaks it")
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

    @Test("a health call has a stream of its own, takes no room, and is answered as such", arguments: Situation.allCases)
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
        let answers = (0..<2).map { _ in machine.answered(id ?? StreamID(0), at: start) }
        #expect(answers == [.pong, .violation])
        #expect(machine.pingedSince == nil)
    }

    @Test("a health call that is not answered keeps a connection silent, and leaves no call behind")
    func lostPing() {
        var machine = Machine(maximumCallsInFlight: 10, at: start)
        _ = machine.startPing(at: start)
        #expect(machine.silentSince == start)
        #expect(machine.closed() == Machine.Leftovers())
        #expect(machine.pingedSince == nil)
    }
}
