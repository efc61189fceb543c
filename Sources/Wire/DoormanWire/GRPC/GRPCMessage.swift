package import NIOCore

/// Reads and writes the frame of a gRPC message: a byte of flags, the length in four bytes (big endian), and the message
/// (grpc `doc/PROTOCOL-HTTP2.md`, "Length-Prefixed-Message").
package enum GRPCMessage {
    /// The number of bytes before the message.
    package static let headerBytes = 5

    /// Whether the request's body can still grow.
    package enum BodyState: Sendable, Hashable {
        /// The peer may send more.
        case open
        /// The peer has ended the stream.
        case ended
    }

    /// Why a body is no unary request.
    package enum Malformed: Error, Sendable, Hashable, CaseIterable {
        /// The message is compressed. The response must have `grpc-accept-encoding: identity`.
        case compressed
        /// A flag that the protocol does not define.
        case unknownFlag
        /// The length exceeds the limit.
        case tooLong
        /// The body ended inside the message.
        case truncated
        /// The body ended without a message.
        case missing
        /// More bytes follow the message.
        case secondMessage

        /// The status of the response.
        package var code: StatusCode {
            switch self {
            case .compressed: .unimplemented
            case .tooLong: .resourceExhausted
            case .unknownFlag, .truncated, .missing, .secondMessage: .internal
            }
        }

        /// The message of the response.
        package var message: StaticString {
            switch self {
            case .compressed: "The message is compressed. The server reads only uncompressed messages."
            case .unknownFlag: "The message has an unknown flag."
            case .tooLong: "The message is longer than the server accepts."
            case .truncated: "The request ended inside its message."
            case .missing: "The request ended without a message."
            case .secondMessage: "The request has more than one message."
            }
        }
    }

    /// Finds the only message of a body. Decides as early as the bytes allow, so that no limit depends on a peer's patience.
    ///
    /// - Parameters:
    ///   - body: All bytes of the body so far.
    ///   - maximumLength: The maximum length of the message, in bytes.
    /// - Returns: The range of the message in the body; `nil` while more bytes are needed.
    package static func find(
        in body: Span<UInt8>, _ state: BodyState, maximumLength: Int
    ) throws(Malformed) -> Range<Int>? {
        guard body.count > 0 else {
            if state == .ended { throw .missing }
            return nil
        }
        switch body[0] {
        case 0: break
        case 1: throw .compressed
        default: throw .unknownFlag
        }
        guard body.count >= headerBytes else {
            if state == .ended { throw .truncated }
            return nil
        }
        var length = 0
        for index in 1..<headerBytes { length = length << 8 | Int(body[index]) }
        guard length <= maximumLength else { throw .tooLong }
        let end = headerBytes + length
        guard body.count <= end else { throw .secondMessage }
        switch state {
        case .ended where body.count < end: throw .truncated
        case .ended: return headerBytes..<end
        // A second message could follow until the stream ends.
        case .open: return nil
        }
    }
}

extension ByteBuffer {
    /// Writes the frame of a gRPC message that is not compressed.
    package mutating func writeGRPCMessage(_ message: Span<UInt8>) {
        writeInteger(UInt8(0))
        writeInteger(UInt32(message.count))
        unsafe message.withUnsafeBytes { _ = unsafe writeBytes($0) }
    }
}
