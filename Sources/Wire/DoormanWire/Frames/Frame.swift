/// The header of a frame, ten bytes before its data: length of the data, stream id, type and flags.
///
/// Numbers are big-endian. See `docs/reference/wire-protocol.md`, and containerd/ttrpc `PROTOCOL.md`.
package struct FrameHeader: Sendable, Hashable {
    package static let byteCount = 10
    /// The maximum length of data in ttrpc: 4 MiB. A header with a greater length is not from a ttrpc peer.
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

    /// Whether a flag of streaming calls is set: remote closed, remote open, or no data.
    package var isStreaming: Bool { flags & 0b111 != 0 }
}

/// The id of a call on its connection. The client chooses it; ids are odd.
package struct StreamID: Sendable, Hashable, Comparable {
    package var rawValue: UInt32

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package var isOdd: Bool { rawValue & 1 == 1 }

    package static func < (lhs: StreamID, rhs: StreamID) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// The type of a frame. Frames of unknown types are skipped.
package struct FrameType: Sendable, Hashable {
    package var rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let request = FrameType(rawValue: 1)
    package static let response = FrameType(rawValue: 2)
    /// Data of a streaming call. Doorman has no streaming calls.
    package static let data = FrameType(rawValue: 3)
}
