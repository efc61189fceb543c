internal import NIOConcurrencyHelpers
internal import NIOCore

/// The connections that are open, so that they can be counted, told to drain, and waited for.
final class ConnectionRegistry: Sendable {
    private let channels = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    var count: Int { channels.withLockedValue { $0.count } }

    var all: [any Channel] { channels.withLockedValue { Array($0.values) } }

    /// - Returns: False if there are `maximum` connections already.
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

    /// Waits until the last connection is gone, or the time is up. Happens once in a process's life, so it looks again and
    /// again rather than keeping waiters.
    ///
    /// - Returns: How many are left.
    func waitUntilEmpty(timeout: Duration) async -> Int {
        let end = ContinuousClock.now.advanced(by: timeout)
        while count > 0, ContinuousClock.now < end {
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { break }
        }
        return count
    }
}
