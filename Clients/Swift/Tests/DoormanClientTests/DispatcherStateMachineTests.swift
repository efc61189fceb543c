import Testing

@testable import DoormanClient

@Suite("the life of a client's connection")
struct DispatcherStateMachineTests {
    typealias Machine = Dispatcher.StateMachine

    /// Every state that matters, by the events that lead to it.
    enum Situation: CaseIterable {
        case idle, connecting, unproven, proven, backingOff, closed

        var machine: Machine {
            var machine = Machine(firstBackoff: .milliseconds(100), longestBackoff: .seconds(5))
            switch self {
            case .idle: break
            case .connecting: _ = machine.callsWait()
            case .unproven:
                _ = machine.callsWait()
                _ = machine.connected()
            case .proven:
                _ = machine.callsWait()
                _ = machine.connected()
                machine.answered()
            case .backingOff:
                _ = machine.callsWait()
                _ = machine.connectFailed(jitter: 0)
            case .closed: machine.closed()
            }
            return machine
        }
    }

    enum Outcome: Equatable {
        case action(Machine.Action)
        case connected(Machine.ConnectedAction)
        case nothing
    }

    enum Event: CaseIterable {
        case callsWait, connected, connectFailed, backoffEndedWithCalls, backoffEndedWithout, answered, endedWithCalls
        case endedWithout, closed

        func happen(to machine: inout Machine) -> Outcome {
            switch self {
            case .callsWait: return .action(machine.callsWait())
            case .connected: return .connected(machine.connected())
            case .connectFailed: return .action(machine.connectFailed(jitter: 0))
            case .backoffEndedWithCalls: return .action(machine.backoffEnded(callsWait: true))
            case .backoffEndedWithout: return .action(machine.backoffEnded(callsWait: false))
            case .answered: machine.answered()
            case .endedWithCalls: return .action(machine.ended(callsWait: true, jitter: 0))
            case .endedWithout: return .action(machine.ended(callsWait: false, jitter: 0))
            case .closed: machine.closed()
            }
            return .nothing
        }
    }

    /// What each event does in each situation; whatever is not listed changes nothing and asks for nothing.
    static func expected(_ situation: Situation, _ event: Event) -> (Outcome, Machine.State)? {
        switch (situation, event) {
        case (.idle, .callsWait): (.action(.connect), .connecting)
        case (.connecting, .connected): (.connected(.use), .connected(isProven: false))
        case (.connecting, .connectFailed): (.action(.backOff(.milliseconds(100))), .backingOff)
        case (.backingOff, .backoffEndedWithCalls): (.action(.connect), .connecting)
        case (.backingOff, .backoffEndedWithout): (.action(.none), .idle)
        case (.unproven, .answered): (.nothing, .connected(isProven: true))
        case (.unproven, .endedWithCalls), (.unproven, .endedWithout): (.action(.backOff(.milliseconds(100))), .backingOff)
        case (.proven, .endedWithCalls): (.action(.connect), .connecting)
        case (.proven, .endedWithout): (.action(.none), .idle)
        case (_, .closed): (.nothing, .closed)
        default: nil
        }
    }

    @Test("every event in every state does what the table says", arguments: Situation.allCases, Event.allCases)
    func table(situation: Situation, event: Event) {
        var machine = situation.machine
        let before = machine.state
        let outcome = event.happen(to: &machine)
        let none: Outcome =
            switch event {
            case .connected: .connected(.discard)
            case .answered, .closed: .nothing
            default: .action(.none)
            }
        let (expectedOutcome, expectedState) = Self.expected(situation, event) ?? (none, before)
        #expect(outcome == expectedOutcome)
        #expect(machine.state == expectedState)
    }

    @Test("pauses double from 100 ms, stop at 5 s, and begin anew after an answer")
    func pauses() {
        var machine = Situation.idle.machine
        var pauses: [Duration] = []
        _ = machine.callsWait()
        for _ in 0..<8 {
            if case .backOff(let pause) = machine.connectFailed(jitter: 0) { pauses.append(pause) }
            _ = machine.backoffEnded(callsWait: true)
        }
        #expect(pauses == [100, 200, 400, 800, 1600, 3200, 5000, 5000].map(Duration.milliseconds))
        #expect(machine.connected() == .use)
        machine.answered()
        #expect(machine.ended(callsWait: true, jitter: 0) == .connect)
        #expect(machine.connectFailed(jitter: 0) == .backOff(.milliseconds(100)))
    }

    @Test("a server that accepts and closes is backed off from like one that refuses")
    func acceptAndClose() {
        var machine = Situation.unproven.machine
        #expect(machine.ended(callsWait: true, jitter: 0) == .backOff(.milliseconds(100)))
        #expect(machine.backoffEnded(callsWait: true) == .connect)
        #expect(machine.connected() == .use)
        #expect(machine.ended(callsWait: true, jitter: 0) == .backOff(.milliseconds(200)))
    }

    @Test("jitter takes off up to half of a pause", arguments: [(0.0, 100), (0.5, 75), (1.0, 50)])
    func jitter(jitter: Double, milliseconds: Int) {
        var machine = Situation.connecting.machine
        #expect(machine.connectFailed(jitter: jitter) == .backOff(.milliseconds(milliseconds)))
    }

    @Test("no number of failures makes a pause overflow")
    func manyFailures() {
        var machine = Situation.connecting.machine
        for _ in 0..<200 {
            _ = machine.connectFailed(jitter: 0)
            _ = machine.backoffEnded(callsWait: true)
        }
        #expect(machine.connectFailed(jitter: 0) == .backOff(.seconds(5)))
    }
}
