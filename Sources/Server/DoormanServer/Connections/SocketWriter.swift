private import Glibc
internal import NIOCore

/// The shortest way of bytes to a connection's socket: send(2), past the channel's pipeline and its queue of pending writes, which
/// together take as long as all that a hit is decided by. What the kernel does not take at once goes the usual way.
///
/// For channels without TLS. The descriptor is the channel's own, and another connection may have its number once the channel has
/// closed it: so every use asks the channel, on its event loop, whether it still has it.
struct SocketWriter {
    private let descriptor: CInt
    private let channel: any Channel

    /// Nil if the channel has no socket.
    init?(_ channel: any Channel) {
        let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        guard let descriptor else { return nil }
        self.descriptor = descriptor
        self.channel = channel
    }

    /// Hands the kernel as much as it takes, and moves the reader index behind that. Errors are left to the channel, which meets
    /// them again when it writes the rest.
    ///
    /// Called on the channel's event loop, while nothing waits in its queue.
    func write(_ bytes: inout ByteBuffer) {
        // False from the moment on in which the channel closes its descriptor.
        guard channel.isActive else { return }
        let count = unsafe bytes.withUnsafeReadableBytes { bytes in
            unsafe send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        if count > 0 { bytes.moveReaderIndex(forwardBy: count) }
    }
}
