package import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// The request frames, one per token and encoded once. A call copies a frame's bytes and sets the stream id. Calls use the frames in
/// turn.
package struct RequestFrames: Sendable {
    private let frames: [ByteBuffer]

    /// The error for a request that exceeds the length of a frame.
    package struct TooLong: Error, Sendable {}

    /// - Parameter tokens: At least one token.
    package init(_ tokens: [Token], settings: BenchSettings) throws(TooLong) {
        precondition(!tokens.isEmpty)
        var frames: [ByteBuffer] = []
        for token in tokens {
            let request = VerificationRequest(token: token, applicationID: settings.applicationID, maxAge: settings.maxAge)
            guard let data = try? RequestEncoder.encode(request, timeout: settings.callTimeout) else { throw TooLong() }
            var frame = ByteBuffer()
            frame.writeFrame(.request, streamID: StreamID(0), data: data)
            frames.append(frame)
        }
        self.frames = frames
    }

    var count: Int { frames.count }

    /// Appends a frame to `output`, with a stream id.
    func write(_ index: Int, streamID: StreamID, into output: inout ByteBuffer) {
        let start = output.writerIndex
        output.writeImmutableBuffer(frames[index])
        output.setInteger(streamID.rawValue, at: start + 4)
    }
}

// Frames hold tokens, so printing must not show them.
extension RequestFrames: Redacted {
    package var description: String { "RequestFrames(\(frames.count))" }
}
