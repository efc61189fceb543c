package import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// A request frame for each token, encoded once: a call copies its bytes and sets the stream id. They go round.
package struct RequestFrames: Sendable {
    private let frames: [ByteBuffer]

    /// A call that would not fit into a frame.
    package struct TooLong: Error, Sendable {}

    /// - Parameter tokens: One at least.
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

    /// Writes the frame of a token.
    func write(_ index: Int, streamID: StreamID, into output: inout ByteBuffer) {
        let start = output.writerIndex
        output.writeImmutableBuffer(frames[index])
        output.setInteger(streamID.rawValue, at: start + 4)
    }
}

// As little is printed of it as of the tokens.
extension RequestFrames: Redacted {
    package var description: String { "RequestFrames(\(frames.count))" }
}
