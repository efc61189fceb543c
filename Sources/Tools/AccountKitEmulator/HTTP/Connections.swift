internal import NIOConcurrencyHelpers
internal import NIOCore

/// The open connections: counts them against their limit, and tells them when the emulator stops.
final class Connections: Sendable {
    private let limit: Int
    private let state = NIOLockedValueBox(State())

    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    init(limit: Int) {
        self.limit = limit
    }

    /// Adds a connection. Returns `false` if the limit is reached or the emulator stops.
    func add(_ channel: any Channel) -> Bool {
        let isIn = state.withLockedValue { state in
            guard !state.isClosed, state.open.count < limit else { return false }
            state.open[ObjectIdentifier(channel)] = channel
            return true
        }
        guard isIn else { return false }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLockedValue { $0.open[ObjectIdentifier(channel)] = nil }
        }
        return true
    }

    var count: Int { state.withLockedValue { $0.open.count } }

    /// Lets every connection finish its response, and closes the connections that are still open after `grace`.
    func close(grace: Duration, on loop: any EventLoop) async {
        let channels = state.withLockedValue { state in
            state.isClosed = true
            return Array(state.open.values)
        }
        let closed = EventLoopFuture.andAllComplete(channels.map(\.closeFuture), on: loop)
        for channel in channels {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
        let end = loop.scheduleTask(in: TimeAmount(grace)) {
            for channel in channels { channel.close(promise: nil) }
        }
        // A close future never fails.
        try? await closed.get()
        end.cancel()
    }
}
