/// The ten bytes before each frame's data: length (big endian, of the data), stream id, type, flags.
/// See `docs/reference/wire-protocol.md`, and containerd/ttrpc `PROTOCOL.md`.
package struct FrameHeader: Sendable, Hashable {
    package static let byteCount = 10
    /// The longest data that ttrpc itself allows: 4 MiB. A header that claims more is not ttrpc's.
    package static let maximumLength: UInt32 = 4 << 20

    package var length: UInt32
    package var streamID: StreamID
    package var type: FrameType
    package var flags: UInt8

    package init(length: UInt32, streamID: StreamID, type: FrameType, flags: UInt8 = 0) {
        self.length = length
        self.streamID = streamID
        self.type = type
        self.flags = flags
    }

    /// The flags that belong to streaming calls: remote closed, remote open, no data.
    package var isStreaming: Bool { flags & 0b111 != 0 }
}

/// Which call of its connection a frame belongs to. Chosen by the client; odd.
package struct StreamID: Sendable, Hashable, Comparable {
    package var rawValue: UInt32

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package var isOdd: Bool { rawValue & 1 == 1 }

    package static func < (lhs: StreamID, rhs: StreamID) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// What a frame is. Types that this version does not know are skipped by their length.
package struct FrameType: Sendable, Hashable {
    package var rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let request = FrameType(rawValue: 1)
    package static let response = FrameType(rawValue: 2)
    /// Data of a streaming call, which Doorman has none of.
    package static let data = FrameType(rawValue: 3)
}
