import DoormanClient
import DoormanWire
import NIOConcurrencyHelpers
import TestKit

/// A server that responds to calls by itself, with the behaviour that a test sets. Each token belongs to the account of the same name.
final class RespondingPeer: Sendable {
    enum Behaviour: Sendable {
        case serving
        /// Reads calls and does not respond.
        case hung
        case draining
        case providerUnavailable
        case storeUnavailable
        /// Responds to a verify with an identity past its TTL.
        case stale
        /// Closes each connection at its first call.
        case dropping
        /// Responds to health checks, and closes each connection at its first other call.
        case droppingCalls
    }

    private struct State {
        var position: RevocationPosition?
        var behaviour = Behaviour.serving
        var calls: [String] = []
        var methods: [Method?] = []
        var pings = 0
        var connections = 0
        var isOver = false
    }

    let target: DoormanTarget
    private let state = NIOLockedValueBox(State())

    /// - Parameter path: The path of a Unix socket; `nil` for a free port of the loopback interface.
    init(path: String? = nil) throws {
        let peer = try path.map { try ScriptedPeer(path: $0) } ?? ScriptedPeer()
        target = peer.target
        let state = state
        Task {
            var connections: [PeerConnection] = []
            while !state.withLockedValue({ $0.isOver }) {
                var isBusy = false
                if let new = try peer.acceptIfThere() {
                    new.answersPings = false
                    connections.append(new)
                    state.withLockedValue { $0.connections += 1 }
                    isBusy = true
                }
                for (index, connection) in connections.enumerated().reversed() {
                    do {
                        while let call = try connection.callIfThere() {
                            isBusy = true
                            try await Self.answer(call, on: connection, state)
                        }
                    } catch {
                        connections.remove(at: index)
                    }
                }
                if !isBusy { try await Task.sleep(for: .milliseconds(1)) }
            }
            peer.close()
        }
    }

    deinit {
        stop()
    }

    /// The tokens of the calls so far, in order.
    var calls: [String] { state.withLockedValue { $0.calls } }
    /// The methods of these calls.
    var methods: [Method?] { state.withLockedValue { $0.methods } }
    var pings: Int { state.withLockedValue { $0.pings } }
    var connections: Int { state.withLockedValue { $0.connections } }

    var isHung: Bool {
        if case .hung = state.withLockedValue({ $0.behaviour }) { true } else { false }
    }

    /// The position of the revocations that it confirms; `nil` without a fleet.
    var position: RevocationPosition? {
        get { state.withLockedValue { $0.position } }
        set { state.withLockedValue { $0.position = newValue } }
    }

    func behave(_ behaviour: Behaviour) {
        state.withLockedValue { $0.behaviour = behaviour }
    }

    /// Closes its connections and its port.
    func stop() {
        state.withLockedValue { $0.isOver = true }
    }

    private static func answer(
        _ call: ReceivedCall, on connection: PeerConnection, _ state: NIOLockedValueBox<State>
    ) async throws {
        let behaviour = state.withLockedValue { state in
            if call.method == .healthCheck {
                state.pings += 1
            } else {
                state.calls.append(call.secret)
                state.methods.append(call.method)
            }
            return state.behaviour
        }
        switch (behaviour, call.method) {
        case (.hung, _): break
        case (.dropping, _): throw Unexpected(what: "dropped")
        case (.draining, .healthCheck): try await connection.answer(call, ResponseEncoder.encode(ServingStatus.notServing))
        case (_, .healthCheck): try await connection.answer(call, ResponseEncoder.encode(ServingStatus.serving))
        case (.droppingCalls, _): throw Unexpected(what: "dropped")
        case (.serving, .revoke), (.stale, .revoke):
            try await connection.answer(call, ResponseEncoder.encodeRevoked(state.withLockedValue { $0.position }))
        case (.serving, .deleteAccount): try await connection.answer(call, ResponseEncoder.encodeAccountDeleted())
        case (.serving, _): try await connection.answer(call, call.secret)
        case (.stale, _):
            var identity = Identity.sample(call.secret)
            identity.freshness = .stale
            try await connection.answer(call, ResponseEncoder.encode(identity))
        case (.draining, _): try await connection.answer(call, FailureResponse(.draining, "shutting down"))
        case (.providerUnavailable, _):
            try await connection.answer(call, FailureResponse(.providerUnavailable, "no way to the provider"))
        case (.storeUnavailable, _):
            try await connection.answer(call, FailureResponse(.storeUnavailable, "no way to the store"))
        }
    }
}
