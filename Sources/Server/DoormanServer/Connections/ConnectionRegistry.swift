internal import NIOConcurrencyHelpers
internal import NIOCore

/// The connections that are open, so that they can be counted, told to drain, and waited for.
final class ConnectionRegistry: Sendable {
    private let channels = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    var count: Int { channels.withLockedValue { $0.count } }

    var all: [any Channel] { channels.withLockedValue { Array($0.values) } }

    /// - Returns: How many there are now, or nil if that would be more than `maximum`.
    func add(_ channel: any Channel, maximum: Int) -> Int? {
        channels.withLockedValue { channels in
            guard channels.count < maximum else { return nil }
            channels[ObjectIdentifier(channel)] = channel
            return channels.count
        }
    }

    /// - Returns: How many there are now.
    func remove(_ channel: any Channel) -> Int {
        channels.withLockedValue { channels in
            channels[ObjectIdentifier(channel)] = nil
            return channels.count
        }
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
