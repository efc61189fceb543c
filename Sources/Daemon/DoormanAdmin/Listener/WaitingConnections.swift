internal import NIOConcurrencyHelpers
internal import NIOCore

/// The connections of the admin listener that wait for a request, in the order in which they began to wait.
final class WaitingConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: (number: UInt64, channel: any Channel)] = [:]
        var count: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    func add(_ channel: any Channel) {
        state.withLockedValue { state in
            state.count += 1
            state.channels[ObjectIdentifier(channel)] = (state.count, channel)
        }
    }

    func remove(_ channel: any Channel) {
        state.withLockedValue { $0.channels[ObjectIdentifier(channel)] = nil }
    }

    /// Removes the connection that has waited longest; `nil` if none waits.
    func removeLongest() -> (any Channel)? {
        state.withLockedValue { state in
            guard let longest = state.channels.min(by: { $0.value.number < $1.value.number }) else { return nil }
            return state.channels.removeValue(forKey: longest.key)?.channel
        }
    }
}
