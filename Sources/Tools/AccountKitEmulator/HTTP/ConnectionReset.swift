private import Glibc
internal import NIOCore
internal import NIOSSL

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
