private import Glibc
package import NIOCore

/// Pauses a listener while connections can't be accepted, mostly because no file descriptor is free, and logs it.
///
/// After a failed accept NIO still polls the listener, whose connection still waits: without a pause the event loop would do nothing else.
/// NIO's own `AcceptBackoffHandler` does not help: it holds back `read()`, which NIO does not call while a read is pending. A listener
/// without automatic reads is not polled.
package final class AcceptFailureHandler: ChannelInboundHandler {
    package typealias InboundIn = any Channel

    /// The time between two attempts. A descriptor that becomes free is used after this time at the latest.
    private static let pause = TimeAmount.milliseconds(100)

    private let log: RateLimitedLogger
    private let onFailure: () -> Void
    private let freeDescriptors: () -> Bool
    private var resumption: Scheduled<Void>?

    /// - Parameters:
    ///   - onFailure: Called for each failed attempt, on the listener's event loop. By default it does nothing.
    ///   - freeDescriptors: Makes descriptors free for the next attempt, which then follows at once. Returns whether it did. By
    ///     default there are none to free.
    package init(
        log: RateLimitedLogger, onFailure: @escaping () -> Void = {}, freeDescriptors: @escaping () -> Bool = { false }
    ) {
        self.log = log
        self.onFailure = onFailure
        self.freeDescriptors = freeDescriptors
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        // A peer that is gone already.
        guard error.errnoCode != ECONNABORTED else { return }
        onFailure()
        log.log(
            .error, about: "accept_failed",
            "connections can't be accepted; backing off: raise ulimit -n or lower server.max-connections",
            ["error": "\(error)"])
        guard !freeDescriptors() else { return }
        setAutoRead(isOn: false, context)
        resumption?.cancel()
        resumption = context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.setAutoRead(isOn: true, context) }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        resumption?.cancel()
        context.fireChannelInactive()
    }

    private func setAutoRead(isOn: Bool, _ context: ChannelHandlerContext) {
        // Fails for a closed listener only.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isOn)
    }
}
