internal import NIOConcurrencyHelpers
internal import NIOCore

/// The open connections: counts them, and waits until they are closed.
final class ConnectionRegistry: Sendable {
    private let channels = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    var count: Int { channels.withLockedValue { $0.count } }

    var all: [any Channel] { channels.withLockedValue { Array($0.values) } }

    /// - Returns: `false` if there are `maximum` connections already.
    func add(_ channel: any Channel, maximum: Int) -> Bool {
        channels.withLockedValue { channels in
            guard channels.count < maximum else { return false }
            channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    func remove(_ channel: any Channel) {
        channels.withLockedValue { $0[ObjectIdentifier(channel)] = nil }
    }

    /// Waits until the last connection is closed, or until `timeout`. It polls, because it runs once in a process's life.
    ///
    /// - Returns: The number of open connections.
    func waitUntilEmpty(timeout: Duration) async -> Int {
        let end = ContinuousClock.now.advanced(by: timeout)
        while count > 0, ContinuousClock.now < end {
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { break }
        }
        return count
    }
}
