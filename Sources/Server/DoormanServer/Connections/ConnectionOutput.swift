package import NIOCore

/// The response bytes of a connection that wait to be written.
///
/// The connections of an event loop share one buffer for them, because only one connection has output at a time. So the buffer stays in the
/// processor's cache, and an idle connection holds none.
package struct ConnectionOutput {
    /// The minimum number of response bytes to write while more requests wait.
    ///
    /// Without early writes, a peer that has all its calls on one connection gets the first response together with the last.
    /// Server and peer would then take turns instead of working at the same time.
    package static let earlyFlushThreshold = 4096

    /// The bytes that wait. Responses are appended to it.
    package var buffer = ByteBuffer()

    package init() {}

    /// The number of bytes that wait.
    @inline(__always)
    package var count: Int { buffer.readableBytes }

    /// Takes the bytes to write; `nil` if there are none.
    package mutating func take() -> ByteBuffer? {
        guard buffer.readableBytes > 0 else { return nil }
        return takeBuffer()
    }

    /// Takes a buffer for the next output, unless there is one.
    package mutating func lend(_ shared: inout ByteBuffer) {
        if buffer.capacity == 0 { swap(&buffer, &shared) }
    }

    /// Returns the buffer, if there is one and all its bytes are written.
    package mutating func takeUnused() -> ByteBuffer? {
        guard buffer.capacity > 0, buffer.readableBytes == 0 else { return nil }
        return takeBuffer()
    }

    /// Writes the bytes early if they are many enough, while more requests wait.
    ///
    /// - Parameter write: Consumes as much as it can. Returns whether it consumed everything.
    /// - Returns: `false` if `write` left bytes. Do not call it again in this turn.
    @inline(__always)
    package mutating func flushEarly(_ write: (inout ByteBuffer) -> Bool) -> Bool {
        guard buffer.readableBytes >= Self.earlyFlushThreshold else { return true }
        guard write(&buffer) else { return false }
        // Reuses the buffer from its beginning.
        buffer.clear()
        return true
    }

    @inline(__always)
    private mutating func takeBuffer() -> ByteBuffer {
        var taken = ByteBuffer()
        swap(&buffer, &taken)
        return taken
    }
}
