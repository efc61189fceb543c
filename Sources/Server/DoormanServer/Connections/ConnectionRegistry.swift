internal import NIOConcurrencyHelpers
package import NIOCore

/// The open connections: counts them, and waits until they are closed.
package final class ConnectionRegistry: Sendable {
    private let channels = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    package init() {}

    package var count: Int { channels.withLockedValue { $0.count } }

    package var all: [any Channel] { channels.withLockedValue { Array($0.values) } }

    /// Adds an open connection.
    ///
    /// - Returns: `false` if there are `maximum` connections already.
    package func add(_ channel: any Channel, maximum: Int) -> Bool {
        channels.withLockedValue { channels in
            guard channels.count < maximum else { return false }
            channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    package func remove(_ channel: any Channel) {
        channels.withLockedValue { $0[ObjectIdentifier(channel)] = nil }
    }

    /// Waits until the last connection is closed, or until `timeout`. It polls, because it runs once in a process's life.
    ///
    /// - Returns: The number of open connections.
    package func waitUntilEmpty(timeout: Duration) async -> Int {
        let end = ContinuousClock.now.advanced(by: timeout)
        while count > 0, ContinuousClock.now < end {
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { break }
        }
        return count
    }
}
