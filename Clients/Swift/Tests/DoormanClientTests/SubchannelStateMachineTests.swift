import Testing

@testable import DoormanClient

@Suite("the states of a subchannel")
struct SubchannelStateMachineTests {
    typealias Machine = Subchannel.StateMachine

    /// Every relevant state, by the events that lead to it.
    enum Situation: CaseIterable {
        case idle, connecting, connectingAfterFailure, probing, unproven, proven, suspected, backingOff, closed

        var machine: Machine {
            var machine = Machine(firstBackoff: .milliseconds(100), longestBackoff: .seconds(5))
            let events: [Event] =
                switch self {
                case .idle: []
                case .connecting: [.wanted]
                case .connectingAfterFailure: [.wanted, .connectFailed, .backoffEndedWanted]
                case .probing: [.wanted, .connectFailed, .backoffEndedWanted, .connected]
                case .unproven: [.wanted, .connected]
                case .proven: [.wanted, .connected, .answered]
                case .suspected: [.wanted, .connected, .answered, .fellSilent]
                case .backingOff: [.wanted, .connectFailed]
                case .closed: [.closed]
                }
            for event in events { _ = event.happen(to: &machine) }
            return machine
        }
    }

    enum Event: CaseIterable {
        case wanted, connected, connectFailed, backoffEndedWanted, backoffEndedUnwanted, answered, fellSilent, saidServing
        case failedProbe, drainedWanted, drainedUnwanted, usedUpWanted, usedUpUnwanted, endedInCallsWanted, endedWanted
        case endedUnwanted, closed

        func happen(to machine: inout Machine) -> Machine.Action {
            switch self {
            case .wanted: return machine.wanted()
            case .connected: return machine.connected()
            case .connectFailed: return machine.connectFailed(jitter: 0)
            case .backoffEndedWanted: return machine.backoffEnded(isWanted: true)
            case .backoffEndedUnwanted: return machine.backoffEnded(isWanted: false)
            case .answered: return machine.answered()
            case .fellSilent: return machine.fellSilent()
            case .saidServing: return machine.saidServing()
            case .failedProbe: return machine.failedProbe(jitter: 0)
            case .drainedWanted: return machine.drained(isWanted: true, jitter: 0)
            case .drainedUnwanted: return machine.drained(isWanted: false, jitter: 0)
            case .usedUpWanted: return machine.usedUp(isWanted: true)
            case .usedUpUnwanted: return machine.usedUp(isWanted: false)
            case .endedInCallsWanted: return machine.ended(inCalls: true, isWanted: true, jitter: 0)
            case .endedWanted: return machine.ended(inCalls: false, isWanted: true, jitter: 0)
            case .endedUnwanted: return machine.ended(inCalls: false, isWanted: false, jitter: 0)
            case .closed:
                machine.closed()
                return .none
            }
        }

        /// Whether the event ends the connection without a failure of a proven server.
        var endsConnection: Bool {
            switch self {
            case .drainedWanted, .drainedUnwanted, .usedUpWanted, .usedUpUnwanted, .endedInCallsWanted, .endedWanted,
                .endedUnwanted:
                true
            default: false
            }
        }

        var isWanted: Bool {
            switch self {
            case .drainedWanted, .usedUpWanted, .endedInCallsWanted, .endedWanted: true
            default: false
            }
        }

        var isUsedUp: Bool { self == .usedUpWanted || self == .usedUpUnwanted }
    }

    /// The action and state of each event in each situation; `nil` if nothing changes.
    static func expected(_ situation: Situation, _ event: Event) -> (Machine.Action, Machine.State)? {
        switch (situation, event) {
        case (_, .closed): (.none, .closed)
        case (.idle, .wanted): (.connect, .connecting)
        case (.connecting, .connected): (.use, .ready(isProven: false))
        case (.connectingAfterFailure, .connected): (.probe, .probing)
        case (.connecting, .connectFailed): (.backOff(.milliseconds(100)), .backingOff)
        case (.connectingAfterFailure, .connectFailed): (.backOff(.milliseconds(200)), .backingOff)
        case (_, .connected): (.discard, situation.machine.state)
        case (.backingOff, .backoffEndedWanted): (.connect, .connecting)
        case (.backingOff, .backoffEndedUnwanted): (.none, .idle)
        case (.unproven, .answered), (.unproven, .saidServing): (.none, .ready(isProven: true))
        case (.suspected, .answered), (.suspected, .saidServing), (.probing, .saidServing): (.use, .ready(isProven: true))
        case (.unproven, .fellSilent), (.proven, .fellSilent): (.probe, .suspected)
        case (.probing, .failedProbe): (.backOff(.milliseconds(200)), .backingOff)
        case (.unproven, .failedProbe), (.proven, .failedProbe), (.suspected, .failedProbe):
            (.backOff(.milliseconds(100)), .backingOff)
        case (.proven, _) where event.endsConnection, (.suspected, _) where event.endsConnection,
            (.unproven, _) where event.isUsedUp, (.probing, _) where event.isUsedUp:
            event.isWanted ? (.connect, .connecting) : (.none, .idle)
        case (.unproven, _) where event.endsConnection: (.backOff(.milliseconds(100)), .backingOff)
        case (.probing, _) where event.endsConnection: (.backOff(.milliseconds(200)), .backingOff)
        default: nil
        }
    }

    @Test("every event has the action and state in the table", arguments: Situation.allCases, Event.allCases)
    func table(situation: Situation, event: Event) {
        var machine = situation.machine
        let (action, state) = Self.expected(situation, event) ?? (.none, machine.state)
        #expect(event.happen(to: &machine) == action)
        #expect(machine.state == state)
    }

    @Test("the situations are different states", arguments: Situation.allCases)
    func situations(situation: Situation) {
        let alike = Situation.allCases.filter { $0.machine.state == situation.machine.state }
        let isConnecting = situation == .connecting || situation == .connectingAfterFailure
        #expect(alike == (isConnecting ? [.connecting, .connectingAfterFailure] : [situation]))
    }

    @Test("the back-off doubles from 100 ms to 5 s until a response")
    func pauses() {
        var machine = Situation.connecting.machine
        var pauses: [Duration] = []
        for _ in 0..<8 {
            if case .backOff(let pause) = machine.connectFailed(jitter: 0) { pauses.append(pause) }
            _ = machine.backoffEnded(isWanted: true)
        }
        #expect(pauses == [100, 200, 400, 800, 1600, 3200, 5000, 5000].map(Duration.milliseconds))
        #expect(machine.connected() == .probe)
        #expect(machine.saidServing() == .use)
        #expect(machine.ended(inCalls: false, isWanted: true, jitter: 0) == .connect)
        #expect(machine.connectFailed(jitter: 0) == .backOff(.milliseconds(100)))
    }

    @Test("a server that passes health checks and closes connections causes a growing back-off until one stays")
    func proveAndClose() {
        var machine = Situation.proven.machine
        #expect(machine.ended(inCalls: true, isWanted: true, jitter: 0) == .connect)
        for pause in [100, 200, 400] {
            _ = machine.connected()
            _ = machine.saidServing()
            #expect(machine.ended(inCalls: true, isWanted: true, jitter: 0) == .backOff(.milliseconds(pause)))
            _ = machine.backoffEnded(isWanted: true)
        }
        _ = machine.connected()
        _ = machine.saidServing()
        machine.stayed()
        #expect(machine.ended(inCalls: true, isWanted: true, jitter: 0) == .connect)
        #expect(machine.connectFailed(jitter: 0) == .backOff(.milliseconds(100)))
    }

    @Test("a back-off of zero is a millisecond")
    func shortestBackoff() {
        var machine = Machine(firstBackoff: .zero, longestBackoff: .zero)
        _ = machine.wanted()
        #expect(machine.connectFailed(jitter: 0) == .backOff(.milliseconds(1)))
    }

    @Test("a connection that closes before a response causes a back-off")
    func acceptAndClose() {
        var machine = Situation.unproven.machine
        #expect(machine.ended(inCalls: false, isWanted: true, jitter: 0) == .backOff(.milliseconds(100)))
        #expect(machine.backoffEnded(isWanted: true) == .connect)
        #expect(machine.connected() == .probe)
        #expect(machine.ended(inCalls: false, isWanted: true, jitter: 0) == .backOff(.milliseconds(200)))
    }

    @Test(
        "a connection after a lost or drained one needs a health check",
        arguments: [
            (.endedInCallsWanted, true), (.drainedWanted, true), (.endedWanted, false), (.usedUpWanted, false),
        ] as [(Event, Bool)])
    func probe(event: Event, isProbed: Bool) {
        var machine = Situation.proven.machine
        #expect(event.happen(to: &machine) == .connect)
        #expect(machine.connected() == (isProbed ? .probe : .use))
    }

    @Test("jitter shortens a back-off by up to half", arguments: [(0.0, 100), (0.5, 75), (1.0, 50)])
    func jitter(jitter: Double, milliseconds: Int) {
        var machine = Situation.connecting.machine
        #expect(machine.connectFailed(jitter: jitter) == .backOff(.milliseconds(milliseconds)))
    }

    @Test("no number of failures overflows the back-off")
    func manyFailures() {
        var machine = Situation.connecting.machine
        for _ in 0..<200 {
            _ = machine.connectFailed(jitter: 0)
            _ = machine.backoffEnded(isWanted: true)
        }
        #expect(machine.connectFailed(jitter: 0) == .backOff(.seconds(5)))
    }
}
