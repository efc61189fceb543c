internal import DoormanWire
internal import FuzzKit
internal import NIOCore

/// All that the decoder says of bytes that come in these parts, in the reference's words.
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
            require(decoder.bufferedBytes < FrameHeader.byteCount + limit, "no more is kept than a frame that is not whole")
        }
        isMidFrame = decoder.isMidFrame
    }

    /// - Returns: Whether anything may follow.
    private mutating func drain(_ decoder: inout FrameDecoder, _ received: Int) -> Bool {
        while let event = decoder.next() {
            require(pieces.count <= received / FrameHeader.byteCount, "a frame has ten bytes at least")
            switch event {
            case .frame(let header):
                let data = decoder.withData { data in data.indices.map { data[$0] } }
                pieces.append(.frame(.init(header), data: data))
            case .oversized(let header):
                pieces.append(.oversized(.init(header)))
            case .violation:
                pieces.append(.violation)
                require(decoder.bufferedBytes == 0, "nothing is kept of what can't be read")
                require(decoder.next() == event, "a violation stays")
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
