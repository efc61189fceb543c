package import NIOCore

/// Cuts a stream of bytes into ttrpc frames, however the bytes were split on their way.
///
/// Nothing is ever allocated from a declared length: a frame is kept only as it arrives, and one that is too long is skipped
/// as it arrives.
package struct FrameDecoder: Sendable {
    /// What the bytes say next.
    package enum Event: Sendable, Hashable {
        /// A whole frame; its data is there for ``FrameDecoder/withData(_:)`` until the next event is asked for.
        case frame(FrameHeader)
        /// A frame longer than the limit here, but not longer than ttrpc allows. Its data will be skipped.
        case oversized(FrameHeader)
        /// Bytes that no ttrpc peer sends. Nothing that follows can be read.
        case violation(Violation)
    }

    /// Why bytes can't be ttrpc.
    package enum Violation: Error, Sendable, Hashable {
        /// Frames begin with 0, since none is longer than 4 MiB. `G` begins HTTP, 0x16 a TLS hello, `S` SSH.
        case notTTRPC(firstByte: UInt8)
        /// The length is above ``FrameHeader/maximumLength``.
        case frameTooLong(length: UInt32)
    }

    /// The longest data that is taken.
    private let maximumLength: UInt32
    private var buffer = ByteBuffer()
    /// How much of the buffer belongs to the frame that was handed out last.
    private var handedOut = 0
    /// How much of an oversized frame's data is still to come.
    private var toSkip = 0
    private var violation: Violation?

    /// - Parameter maximumLength: The longest data that is taken, in bytes: 1 to ``FrameHeader/maximumLength``.
    package init(maximumLength: UInt32) {
        precondition((1...FrameHeader.maximumLength).contains(maximumLength))
        self.maximumLength = maximumLength
    }

    /// Whether a frame has begun and not ended.
    package var isMidFrame: Bool { toSkip > 0 || buffer.readableBytes > handedOut }

    /// The bytes that are kept: at most one frame that is not whole yet, and what was not asked for.
    package var bufferedBytes: Int { buffer.readableBytes }

    /// Takes bytes in the order in which they came.
    package mutating func append(_ bytes: ByteBuffer) {
        guard violation == nil else { return }
        dropHandedOut()
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.discardReadBytes()
            buffer.writeBuffer(&bytes)
        }
    }

    /// What comes next, or nil until more bytes are there.
    package mutating func next() -> Event? {
        dropHandedOut()
        if toSkip > 0 {
            let skipped = min(toSkip, buffer.readableBytes)
            buffer.moveReaderIndex(forwardBy: skipped)
            toSkip -= skipped
        }
        if let violation { return .violation(violation) }
        guard toSkip == 0, let firstByte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
        guard firstByte == 0 else { return end(.notTTRPC(firstByte: firstByte)) }
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length <= FrameHeader.maximumLength else { return end(.frameTooLong(length: length)) }
        guard let header = header(length: length) else { return nil }
        guard length <= maximumLength else {
            buffer.moveReaderIndex(forwardBy: FrameHeader.byteCount)
            toSkip = Int(length)
            return .oversized(header)
        }
        guard buffer.readableBytes >= FrameHeader.byteCount + Int(length) else { return nil }
        handedOut = FrameHeader.byteCount + Int(length)
        return .frame(header)
    }

    /// The data of the frame that ``next()`` returned last.
    package func withData<Result>(_ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        precondition(handedOut >= FrameHeader.byteCount, "there is no frame")
        return try body(buffer.readableBytesUInt8Span.extracting(FrameHeader.byteCount..<handedOut))
    }

    private func header(length: UInt32) -> FrameHeader? {
        let start = buffer.readerIndex
        guard let streamID = buffer.getInteger(at: start + 4, as: UInt32.self),
            let type = buffer.getInteger(at: start + 8, as: UInt8.self),
            let flags = buffer.getInteger(at: start + 9, as: UInt8.self)
        else { return nil }
        return FrameHeader(
            length: length, streamID: StreamID(streamID), type: FrameType(rawValue: type), flags: flags)
    }

    private mutating func dropHandedOut() {
        buffer.moveReaderIndex(forwardBy: handedOut)
        handedOut = 0
    }

    private mutating func end(_ violation: Violation) -> Event {
        self.violation = violation
        buffer = ByteBuffer()
        return .violation(violation)
    }
}

extension ByteBuffer {
    /// Writes a frame: its header and its data, which is no longer than ``FrameHeader/maximumLength``.
    package mutating func writeFrame(_ type: FrameType, streamID: StreamID, data: [UInt8]) {
        precondition(data.count <= Int(FrameHeader.maximumLength))
        reserveCapacity(minimumWritableBytes: FrameHeader.byteCount + data.count)
        writeMultipleIntegers(UInt32(data.count), streamID.rawValue, type.rawValue, 0 as UInt8)
        writeBytes(data)
    }
}
