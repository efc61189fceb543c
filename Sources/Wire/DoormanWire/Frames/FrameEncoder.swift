package import DoormanSupport
package import NIOCore

extension ByteBuffer {
    /// Writes a frame: its header, and at most ``FrameHeader/maximumLength`` bytes of data.
    package mutating func writeFrame(_ type: FrameType, streamID: StreamID, data: [UInt8]) {
        unsafe writeFrame(type, streamID: streamID, length: data.count) { unsafe $0.copyBytes(from: data) }
    }

    /// Writes a frame: its header and its data.
    package mutating func writeFrame(_ type: FrameType, streamID: StreamID, data: EncodedResponse) {
        guard let length = data.short.count else { return writeFrame(type, streamID: streamID, data: data.long) }
        // Copies both cache lines, which is cheaper than copying a variable number of bytes.
        typealias Lines = EncodedResponse.Short.Lines
        let lines = data.short.lines
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.byteCount + MemoryLayout<Lines>.size) { bytes in
            unsafe FrameHeader(length: UInt32(length), streamID: streamID, type: type).store(into: bytes)
            unsafe bytes.storeBytes(of: lines, toByteOffset: FrameHeader.byteCount, as: Lines.self)
            return FrameHeader.byteCount + length
        }
    }

    /// Writes a frame. `fill` writes all `length` bytes of its data.
    mutating func writeFrame(
        _ type: FrameType, streamID: StreamID, length: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        precondition(length <= Int(FrameHeader.maximumLength))
        let size = FrameHeader.byteCount + length
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            unsafe FrameHeader(length: UInt32(length), streamID: streamID, type: type).store(into: bytes)
            unsafe fill(UnsafeMutableRawBufferPointer(rebasing: bytes[FrameHeader.byteCount..<size]))
            return size
        }
    }
}

extension FrameHeader {
    @inline(__always)
    fileprivate func store(into bytes: UnsafeMutableRawBufferPointer) {
        unsafe bytes.storeBytes(of: length.bigEndian, as: UInt32.self)
        unsafe bytes.storeBytes(of: streamID.rawValue.bigEndian, toByteOffset: 4, as: UInt32.self)
        unsafe bytes[8] = type.rawValue
        unsafe bytes[9] = flags
    }
}
