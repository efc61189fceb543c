package import NIOCore

/// Decodes a stream of bytes into ttrpc frames, however the bytes were split on their way.
///
/// No memory is allocated from a declared length: a frame is kept as it arrives, and an oversized frame is skipped as it arrives.
package struct FrameDecoder: Sendable {
    /// The next item in the stream.
    package enum Event: Sendable, Hashable {
        /// A whole frame. ``FrameDecoder/withData(_:)`` reads its data until the next call of ``FrameDecoder/next()``.
        case frame(FrameHeader)
        /// A frame longer than the limit here, but not longer than ttrpc allows. Its data will be skipped.
        case oversized(FrameHeader)
        /// Bytes that no ttrpc peer sends. The stream can't be read any further.
        case violation(Violation)
    }

    /// Why the bytes are not ttrpc.
    package enum Violation: Error, Sendable, Hashable {
        /// Frames begin with 0, since none is longer than 4 MiB. `G` begins HTTP, 0x16 a TLS hello, `S` SSH.
        case notTTRPC(firstByte: UInt8)
        /// The length is above ``FrameHeader/maximumLength``.
        case frameTooLong(length: UInt32)
    }

    /// Maximum bytes of a frame's data.
    private let maximumLength: UInt32
    @usableFromInline
    private(set) var buffer = ByteBuffer()
    /// The bytes of the buffer that belong to the frame that ``next()`` returned last.
    @usableFromInline
    private(set) var handedOut = 0
    /// The bytes of an oversized frame's data that are still to come.
    private var toSkip = 0
    private var violation: Violation?

    /// - Parameter maximumLength: Maximum bytes of a frame's data: 1 to ``FrameHeader/maximumLength``.
    package init(maximumLength: UInt32) {
        precondition((1...FrameHeader.maximumLength).contains(maximumLength))
        self.maximumLength = maximumLength
    }

    /// Whether a frame has begun and not ended.
    package var isMidFrame: Bool { toSkip > 0 || buffer.readableBytes > handedOut }

    /// The bytes that are kept: at most one incomplete frame, and frames that ``next()`` has not returned yet.
    package var bufferedBytes: Int { buffer.readableBytes }

    /// Appends bytes in the order in which they arrived.
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

    /// Returns the next item, or `nil` until more bytes arrive.
    package mutating func next() -> Event? {
        dropHandedOut()
        if toSkip > 0 {
            let skipped = min(toSkip, buffer.readableBytes)
            buffer.moveReaderIndex(forwardBy: skipped)
            toSkip -= skipped
            giveBackIfRead()
        }
        if let violation { return .violation(violation) }
        guard toSkip == 0 else { return nil }
        guard let header = FrameHeader(beginningOf: buffer) else { return beginningOfHeader() }
        guard header.length <= FrameHeader.maximumLength else { return violation(in: header.length) }
        guard header.length <= maximumLength else {
            buffer.moveReaderIndex(forwardBy: FrameHeader.byteCount)
            toSkip = Int(header.length)
            return .oversized(header)
        }
        guard buffer.readableBytes >= FrameHeader.byteCount + Int(header.length) else { return nil }
        handedOut = FrameHeader.byteCount + Int(header.length)
        return .frame(header)
    }

    /// The data of the frame that ``next()`` returned last.
    // Inlined, since a generic function of another module is looked up at run time, at each call. Mutating, since otherwise the decoder
    // is copied to read it.
    @inlinable
    package mutating func withData<Result>(_ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        precondition(handedOut >= FrameHeader.byteCount, "there is no frame")
        return try body(buffer.readableBytesUInt8Span.extracting(FrameHeader.byteCount..<handedOut))
    }

    /// The data of the frame that ``next()`` will return next.
    ///
    /// - Returns: `nil` if the frame has not arrived as a whole, or is oversized.
    @inlinable
    package mutating func withDataAhead<Result>(_ body: (Span<UInt8>) throws -> Result?) rethrows -> Result? {
        guard let ahead = dataAhead else { return nil }
        return try body(buffer.readableBytesUInt8Span.extracting(ahead))
    }

    @usableFromInline
    var dataAhead: Range<Int>? {
        guard handedOut > 0, let header = FrameHeader(beginningOf: buffer, at: handedOut) else { return nil }
        let start = handedOut + FrameHeader.byteCount
        let length = Int(header.length)
        guard length <= Int(maximumLength), length <= buffer.readableBytes - start else { return nil }
        return start..<start + length
    }

    /// Finds violations in the first byte, or the first four, before the header is whole.
    private mutating func beginningOfHeader() -> Event? {
        if let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) {
            return length <= FrameHeader.maximumLength ? nil : violation(in: length)
        }
        guard let firstByte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self), firstByte != 0 else { return nil }
        return end(.notTTRPC(firstByte: firstByte))
    }

    private mutating func violation(in length: UInt32) -> Event {
        let firstByte = UInt8(length >> 24)
        return end(firstByte == 0 ? .frameTooLong(length: length) : .notTTRPC(firstByte: firstByte))
    }

    private mutating func dropHandedOut() {
        guard handedOut > 0 else { return }
        buffer.moveReaderIndex(forwardBy: handedOut)
        handedOut = 0
        giveBackIfRead()
    }

    /// Releases an empty buffer, so that the channel can read into the same memory again.
    private mutating func giveBackIfRead() {
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
    }

    private mutating func end(_ violation: Violation) -> Event {
        self.violation = violation
        buffer = ByteBuffer()
        return .violation(violation)
    }
}

extension FrameHeader {
    /// Reads the header at an offset from the reader index; `nil` if it is incomplete.
    @inline(__always)
    fileprivate init?(beginningOf buffer: ByteBuffer, at offset: Int = 0) {
        guard buffer.readableBytes - offset >= Self.byteCount else { return nil }
        self = unsafe buffer.withUnsafeReadableBytes { bytes in
            FrameHeader(
                length: UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)),
                streamID: StreamID(UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))),
                type: FrameType(rawValue: unsafe bytes[offset + 8]), flags: unsafe bytes[offset + 9])
        }
    }
}
