package import NIOCore

/// Decodes a stream of bytes into ttrpc frames, however the stream is split.
///
/// Never allocates memory for a declared length: frames are buffered as they arrive, and oversized frames are skipped as they
/// arrive.
package struct FrameDecoder: Sendable {
    /// The next item in the stream.
    package enum Event: Sendable, Hashable {
        /// A whole frame. ``FrameDecoder/withData(_:)`` reads its data until the next call of ``FrameDecoder/next()``.
        case frame(FrameHeader)
        /// A frame that exceeds the decoder's limit, but not ttrpc's. Its data is skipped.
        case oversized(FrameHeader)
        /// Bytes that no ttrpc peer sends. Every later call of ``FrameDecoder/next()`` returns the same violation.
        case violation(Violation)
    }

    /// The reason why bytes are not ttrpc.
    package enum Violation: Error, Sendable, Hashable {
        /// The first byte of a frame is not 0, though the maximum length is 4 MiB. HTTP begins with `G` or `P`, TLS with 0x16, SSH
        /// with `S`.
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
    private(set) var returnedBytes = 0
    /// The bytes of an oversized frame's data that are still to come.
    private var toSkip = 0
    private var violation: Violation?

    /// - Parameter maximumLength: Maximum bytes of a frame's data: 1 to ``FrameHeader/maximumLength``.
    package init(maximumLength: UInt32) {
        precondition((1...FrameHeader.maximumLength).contains(maximumLength))
        self.maximumLength = maximumLength
    }

    /// Whether the stream is inside an incomplete frame.
    package var isMidFrame: Bool { toSkip > 0 || buffer.readableBytes > returnedBytes }

    /// The number of buffered bytes: frames that ``next()`` has not returned, and at most one incomplete frame.
    package var bufferedBytes: Int { buffer.readableBytes }

    /// Appends bytes in the order in which they arrived.
    package mutating func append(_ bytes: ByteBuffer) {
        guard violation == nil else { return }
        discardReturned()
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
        discardReturned()
        if toSkip > 0 {
            let skipped = min(toSkip, buffer.readableBytes)
            buffer.moveReaderIndex(forwardBy: skipped)
            toSkip -= skipped
            releaseIfEmpty()
        }
        if let violation { return .violation(violation) }
        guard toSkip == 0 else { return nil }
        guard let header = FrameHeader(beginningOf: buffer) else { return violationInPartialHeader() }
        guard header.length <= FrameHeader.maximumLength else { return violation(in: header.length) }
        guard header.length <= maximumLength else {
            buffer.moveReaderIndex(forwardBy: FrameHeader.byteCount)
            toSkip = Int(header.length)
            return .oversized(header)
        }
        guard buffer.readableBytes >= FrameHeader.byteCount + Int(header.length) else { return nil }
        returnedBytes = FrameHeader.byteCount + Int(header.length)
        return .frame(header)
    }

    /// Reads the data of the frame that ``next()`` returned last.
    // Inlinable, since a generic function of another module is not specialized. Mutating, since reading would copy the decoder
    // otherwise.
    @inlinable
    package mutating func withData<Result>(_ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        precondition(returnedBytes >= FrameHeader.byteCount, "next() has not returned a frame")
        return try body(buffer.readableBytesUInt8Span.extracting(FrameHeader.byteCount..<returnedBytes))
    }

    /// Reads the data of the frame that ``next()`` will return next.
    ///
    /// - Returns: `nil` if the frame is incomplete or oversized.
    @inlinable
    package mutating func withDataAhead<Result>(_ body: (Span<UInt8>) throws -> Result?) rethrows -> Result? {
        guard let ahead = nextDataRange else { return nil }
        return try body(buffer.readableBytesUInt8Span.extracting(ahead))
    }

    @usableFromInline
    var nextDataRange: Range<Int>? {
        guard returnedBytes > 0, let header = FrameHeader(beginningOf: buffer, at: returnedBytes) else { return nil }
        let start = returnedBytes + FrameHeader.byteCount
        let length = Int(header.length)
        guard length <= Int(maximumLength), length <= buffer.readableBytes - start else { return nil }
        return start..<start + length
    }

    /// Detects a violation in the first byte, or in the first four, of an incomplete header.
    private mutating func violationInPartialHeader() -> Event? {
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

    private mutating func discardReturned() {
        guard returnedBytes > 0 else { return }
        buffer.moveReaderIndex(forwardBy: returnedBytes)
        returnedBytes = 0
        releaseIfEmpty()
    }

    /// Releases the buffer if it is empty, so that the channel can reuse its memory.
    private mutating func releaseIfEmpty() {
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
