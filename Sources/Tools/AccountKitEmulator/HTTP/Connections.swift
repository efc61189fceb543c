private import Glibc
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOSSL

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

/// The rude end of a TCP connection.
enum ConnectionReset {
    /// Closes with a TCP reset once the bytes before it are with the kernel, below TLS, which would say good-bye first.
    ///
    /// - Parameter sent: When the bytes before it are; on the channel's own loop, as the caller is.
    static func perform(on channel: any Channel, after sent: EventLoopFuture<Void>) {
        let socket = channel as? any SocketOptionProvider
        sent.assumeIsolated().whenComplete { _ in
            let set = socket?.setSoLinger(linger(l_onoff: 1, l_linger: 0)) ?? channel.eventLoop.makeSucceededVoidFuture()
            set.assumeIsolated().whenComplete { _ in
                guard let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) else {
                    return channel.close(promise: nil)
                }
                tls.close(promise: nil)
            }
        }
    }
}

/// Ends a connection that fails, lies still or must go while it is not agreed yet what is spoken on it. Then it makes way.
final class HandshakeGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent, is ChannelShouldQuiesceEvent: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
