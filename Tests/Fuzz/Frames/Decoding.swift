internal import DoormanWire
internal import FuzzKit
internal import NIOCore

/// The decoder's results for bytes that arrive in these parts, as pieces of the reference.
struct Decoding {
    private(set) var pieces: [ReferenceFraming.Piece] = []
    private(set) var isMidFrame = false

    init(_ parts: [[UInt8]], limit: Int) {
        var decoder = FrameDecoder(maximumLength: UInt32(limit))
        var received = 0
        for part in parts {
            decoder.append(ByteBuffer(bytes: part))
            received += part.count
            guard drain(&decoder, received) else { return }
            require(decoder.bufferedBytes < FrameHeader.byteCount + limit, "the decoder keeps at most an unfinished frame")
        }
        isMidFrame = decoder.isMidFrame
    }

    /// - Returns: Whether more bytes can be decoded.
    private mutating func drain(_ decoder: inout FrameDecoder, _ received: Int) -> Bool {
        while let event = decoder.next() {
            require(pieces.count <= received / FrameHeader.byteCount, "a frame has at least ten bytes")
            switch event {
            case .frame(let header):
                let data = decoder.withData { data in data.indices.map { data[$0] } }
                pieces.append(.frame(.init(header), data: data))
            case .oversized(let header):
                pieces.append(.oversized(.init(header)))
            case .violation:
                pieces.append(.violation)
                require(decoder.bufferedBytes == 0, "the decoder keeps nothing after a violation")
                require(decoder.next() == event, "a violation is permanent")
                return false
            }
        }
        return true
    }
}

extension ReferenceFraming.Header {
    fileprivate init(_ header: FrameHeader) {
        self.init(
            length: Int(header.length), streamID: header.streamID.rawValue, type: header.type.rawValue, flags: header.flags)
    }
}
