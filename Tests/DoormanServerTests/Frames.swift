import DoormanCore
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit

/// Request frames for tests.
enum Frames {
    static func verify(_ token: String, streamID: UInt32, timeout: Duration? = nil) throws -> [UInt8] {
        let data = try RequestEncoder.encode(VerificationRequest(token: Token(token)), timeout: timeout)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    static func revoke(account: String, streamID: UInt32) throws -> [UInt8] {
        let data = try RequestEncoder.encode(RevocationRequest(.account(account)), timeout: nil)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    static func revoke(_ token: String, streamID: UInt32) throws -> [UInt8] {
        let data = try RequestEncoder.encode(RevocationRequest(.token(Token(token))), timeout: nil)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    static func listAccounts(_ request: AccountListRequest = AccountListRequest(), streamID: UInt32) throws -> [UInt8] {
        RawFrame(streamID: streamID, type: 1, data: try RequestEncoder.encode(request, timeout: nil)).bytes
    }

    static func deleteAccount(_ id: String, streamID: UInt32) throws -> [UInt8] {
        let data = try RequestEncoder.encode(AccountDeletionRequest(accountID: id), timeout: nil)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    static func statistics(streamID: UInt32) throws -> [UInt8] {
        RawFrame(streamID: streamID, type: 1, data: try RequestEncoder.encodeStatistics(timeout: nil)).bytes
    }

    static func health(streamID: UInt32, service: String = "") throws -> [UInt8] {
        let data = try RequestEncoder.encodeHealthCheck(service: service, timeout: nil)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }
}

extension RawFrame {
    /// The status of a failure; `nil` for a success or a malformed response.
    var status: ResponseDecoder.Status? {
        guard case .failure(let status) = ResponseDecoder.identity(data.span, in: MessageArena()) else { return nil }
        return status
    }

    var failure: Failure? { status?.failure }

    var identity: Identity? {
        guard case .success(let identity) = ResponseDecoder.identity(data.span, in: MessageArena()) else { return nil }
        return identity
    }

    var statistics: ServerStatistics? {
        guard case .success(let statistics) = ResponseDecoder.statistics(data.span, in: MessageArena()) else { return nil }
        return statistics
    }

    var servingStatus: ServingStatus? {
        guard case .success(let status) = ResponseDecoder.healthCheck(data.span, in: MessageArena()) else { return nil }
        return status
    }
}

/// Returns the frames in a connection's output.
func frames(in buffer: ByteBuffer?) -> [RawFrame] {
    guard let buffer else { return [] }
    var decoder = FrameDecoder(maximumLength: FrameHeader.maximumLength)
    decoder.append(buffer)
    var frames: [RawFrame] = []
    while case .frame(let header)? = decoder.next() {
        let data = decoder.withData { span in span.indices.map { span[$0] } }
        frames.append(RawFrame(streamID: header.streamID.rawValue, type: header.type.rawValue, flags: header.flags, data: data))
    }
    return frames
}
