internal import NIOConcurrencyHelpers
internal import NIOCore

/// The connections that are open, counted against their limit and told when the emulator stops.
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

    /// Takes a connection in; false if there are too many, or the emulator stops.
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

    /// Lets every connection finish its answer, and closes those that are still there after `grace`.
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
        // Closing is all these futures stand for: they don't fail.
        try? await closed.get()
        end.cancel()
    }
}
