/// Reads and writes the frame of a gRPC message: a byte of flags, the length in four bytes (big endian), and the message
/// (grpc `doc/PROTOCOL-HTTP2.md`, "Length-Prefixed-Message").
package enum GRPCMessage {
    /// The number of bytes before the message.
    package static let headerBytes = 5

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

    /// Finds the only message of a body that has ended.
    ///
    /// - Parameters:
    ///   - body: All bytes of the body.
    ///   - maximumLength: The maximum length of the message, in bytes.
    /// - Returns: The range of the message in the body.
    package static func find(in body: Span<UInt8>, maximumLength: Int) throws(Malformed) -> Range<Int> {
        guard body.count > 0 else { throw .missing }
        switch body[0] {
        case 0: break
        case 1: throw .compressed
        default: throw .unknownFlag
        }
        guard body.count >= headerBytes else { throw .truncated }
        var length = 0
        for index in 1..<headerBytes { length = length << 8 | Int(body[index]) }
        guard length <= maximumLength else { throw .tooLong }
        let end = headerBytes + length
        guard body.count <= end else { throw .secondMessage }
        guard body.count == end else { throw .truncated }
        return headerBytes..<end
    }

    /// Writes the bytes before a message that is not compressed.
    ///
    /// - Parameters:
    ///   - length: The length of the message, in bytes.
    ///   - header: An array of ``headerBytes`` bytes, whose memory is used again.
    package static func writeHeader(length: Int, to header: inout [UInt8]) {
        header[0] = 0
        for index in 1..<headerBytes {
            header[index] = UInt8(truncatingIfNeeded: length >> (8 * (headerBytes - 1 - index)))
        }
    }
}
