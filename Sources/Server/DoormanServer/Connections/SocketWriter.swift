private import Glibc
internal import NIOCore

/// Writes to a connection's socket with send(2), past the channel's pipeline and its write queue. Those take as long as the whole
/// decision about a cache hit. Bytes that the kernel does not accept go through the pipeline.
///
/// For channels without TLS. The channel owns the descriptor, and another connection may reuse its number after a close. So every
/// write first checks on the event loop that the channel is active.
struct SocketWriter {
    private let descriptor: CInt
    private let channel: any Channel

    /// Returns `nil` if the channel has no socket.
    init?(_ channel: any Channel) {
        let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        guard let descriptor else { return nil }
        self.descriptor = descriptor
        self.channel = channel
    }

    /// Sends as many bytes as the kernel accepts, and moves the reader index behind them. It ignores errors: the channel gets
    /// them when it writes the rest.
    ///
    /// Called on the channel's event loop, while the channel's write queue is empty.
    func write(_ bytes: inout ByteBuffer) {
        // The channel becomes inactive before it closes its descriptor.
        guard channel.isActive else { return }
        let count = unsafe bytes.withUnsafeReadableBytes { bytes in
            unsafe send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        if count > 0 { bytes.moveReaderIndex(forwardBy: count) }
    }
}
