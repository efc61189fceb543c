import DoormanCore
import DoormanWire
import Testing

@testable import DoormanClient

@Suite("the calls of a connection")
struct ConnectionStateMachineTests {
    typealias Machine = Connection.StateMachine

    let start = Instant(nanoseconds: 1_000_000_000)

    /// Every state that matters. In all but the first, stream 1 belongs to call 1.
    enum Situation: CaseIterable {
        case fresh, pending, abandoned, answered, draining, drainingAbandoned, closed

        var machine: Machine {
            var machine = Machine(maximumCallsInFlight: 2)
            guard self != .fresh else { return machine }
            _ = machine.start(CallID(1), at: Instant(nanoseconds: 1_000_000_000))
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
        "an answer to stream 1 reaches its call, or nobody, or is the server's fault",
        arguments: [
            (.fresh, .violation), (.pending, .complete(CallID(1))), (.abandoned, .ignore), (.answered, .violation),
            (.draining, .complete(CallID(1))), (.drainingAbandoned, .ignore), (.closed, .ignore),
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

    @Test(
        "a call gets the next odd stream where there is room",
        arguments: [
            (.fresh, .send(StreamID(1))), (.pending, .send(StreamID(3))), (.abandoned, .send(StreamID(3))),
            (.answered, .send(StreamID(3))), (.draining, .refuse), (.drainingAbandoned, .refuse), (.closed, .refuse),
        ] as [(Situation, Machine.StartAction)])
    func startCall(situation: Situation, expected: Machine.StartAction) {
        var machine = situation.machine
        #expect(machine.start(CallID(2), at: start) == expected)
    }

    @Test(
        "draining closes at once only if nobody waits",
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
        #expect(machine.closed() == Machine.Leftovers(unsent: [], unanswered: waits ? [CallID(1)] : []))
        #expect(machine.room == .none)
    }

    @Test("calls whose bytes never left are told apart from those that the server may have begun")
    func unsent() {
        var machine = Machine(maximumCallsInFlight: 10)
        for number in 1...2 { _ = machine.start(CallID(UInt64(number)), at: start) }
        machine.wrote()
        for number in 3...4 { _ = machine.start(CallID(UInt64(number)), at: start) }
        #expect(
            machine.closed() == Machine.Leftovers(unsent: [CallID(3), CallID(4)], unanswered: [CallID(1), CallID(2)]))
    }

    @Test("calls that were given up count until the server has answered them")
    func abandonedCount() {
        var machine = Machine(maximumCallsInFlight: 1)
        _ = machine.start(CallID(1), at: start)
        #expect(machine.room == .full)
        _ = machine.abandon(StreamID(1))
        #expect(machine.room == .full)
        #expect(machine.start(CallID(2), at: start) == .refuse)
        #expect(machine.answered(StreamID(1), at: start) == .ignore)
        #expect(machine.room == .free)
    }

    @Test("a connection is used up when its stream ids are")
    func lastID() {
        var machine = Machine(maximumCallsInFlight: 10, lastID: StreamID(5))
        for id in [1, 3, 5] as [UInt32] {
            #expect(machine.start(CallID(UInt64(id)), at: start) == .send(StreamID(id)))
        }
        #expect(machine.room == .none)
        #expect(machine.start(CallID(7), at: start) == .refuse)
        #expect(machine.answered(StreamID(5), at: start) == .complete(CallID(5)))
        #expect(machine.room == .none)
    }

    @Test("silence counts from the first unanswered call, and any answer breaks it")
    func silence() {
        var machine = Machine(maximumCallsInFlight: 10)
        let limit = Duration.seconds(3)
        #expect(!machine.isSilent(for: limit, at: start.advanced(by: .seconds(60))))
        _ = machine.start(CallID(1), at: start)
        _ = machine.start(CallID(2), at: start.advanced(by: .seconds(2)))
        #expect(!machine.isSilent(for: limit, at: start.advanced(by: .seconds(2.9))))
        #expect(machine.isSilent(for: limit, at: start.advanced(by: .seconds(3))))
        _ = machine.answered(StreamID(1), at: start.advanced(by: .seconds(4)))
        #expect(!machine.isSilent(for: limit, at: start.advanced(by: .seconds(6))))
        #expect(machine.isSilent(for: limit, at: start.advanced(by: .seconds(7))))
        _ = machine.abandon(StreamID(3))
        #expect(machine.isSilent(for: limit, at: start.advanced(by: .seconds(7))))
        _ = machine.answered(StreamID(3), at: start.advanced(by: .seconds(8)))
        #expect(!machine.isSilent(for: limit, at: start.advanced(by: .seconds(60))))
    }
}
