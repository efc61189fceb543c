import AccountKitEmulator
import NIOSSL
import TestKit

/// A peer that speaks HTTP/2 frame by frame (RFC 9113), because a library would keep to the limits that a test exceeds.
struct HTTP2Peer {
    struct Frame: Equatable {
        enum Kind: UInt8 {
            case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation
        }

        let kind: Kind
        var flags: UInt8 = 0
        var stream = 0
        var payload: [UInt8] = []

        static let acknowledgement: UInt8 = 1
        static let endStream: UInt8 = 1
        static let endHeaders: UInt8 = 4

        /// The error code of a reset, or of the end of the connection.
        var errorCode: Int? {
            switch kind {
            case .reset: HTTP2Peer.number(payload.prefix(4))
            case .goAway: HTTP2Peer.number(payload.dropFirst(4).prefix(4))
            default: nil
            }
        }

        var bytes: [UInt8] {
            HTTP2Peer.bytes(payload.count, 3) + [kind.rawValue, flags] + HTTP2Peer.bytes(stream, 4) + payload
        }
    }

    /// The error codes of RFC 9113, section 7.
    enum ErrorCode {
        static let protocolError = 1
        static let enhanceYourCalm = 11
    }

    private let client: HTTPClient

    /// Connects, and exchanges the settings.
    ///
    /// - Parameter reads: Whether the peer reads from the start. If not, it learns nothing about the emulator's settings.
    init(_ emulator: AccountKitEmulator, trusting certificate: TestCertificate, reads: Bool = true) async throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(certificate.certificateFile)
        configuration.applicationProtocols = ["h2"]
        client = try await HTTPClient(port: emulator.port, tls: try NIOSSLContext(configuration: configuration))
        let client = client
        client.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
        send([Self.settings([4: 0x7fff_ffff]), Frame(kind: .windowUpdate, payload: Self.bytes(0x7fff_0000, 4))])
        try await eventually("the settings") { Self.frames(in: client.state.bytes).contains { $0.kind == .settings } }
        if reads { send([Frame(kind: .settings, flags: Frame.acknowledgement)]) } else { try await client.stopReading() }
    }

    func send(_ frames: [Frame]) {
        client.send(frames.flatMap(\.bytes))
    }

    /// The whole frames so far.
    var frames: [Frame] { Self.frames(in: client.state.bytes) }

    var isClosed: Bool { client.state.isClosed }

    /// Waits for the first frame of a kind with these properties.
    func first(_ kind: Frame.Kind, where isExpected: @escaping (Frame) -> Bool = { _ in true }) async throws -> Frame? {
        try await eventually("a frame of the kind \(kind), or the end") {
            self.isClosed || self.frames.contains { $0.kind == kind && isExpected($0) }
        }
        return frames.first { $0.kind == kind && isExpected($0) }
    }

    /// Whether the emulator still responds on this connection, in the order of the frames.
    func isAlive() async throws -> Bool {
        let mark = Self.bytes(Int.random(in: 0..<Int.max), 8)
        send([Frame(kind: .ping, payload: mark)])
        return try await first(.ping) { $0.payload == mark } != nil
    }

    /// Waits for the end of the connection, and returns the error code of `GOAWAY`.
    func ending() async throws -> Int? {
        try await client.closed()
        return frames.last { $0.kind == .goAway }?.errorCode
    }

    func close() async { await client.close() }
}

extension HTTP2Peer {
    static func settings(_ values: [Int: Int]) -> Frame {
        Frame(kind: .settings, payload: values.sorted { $0.key < $1.key }.flatMap { bytes($0.key, 2) + bytes($0.value, 4) })
    }

    /// Returns the frames of a request.
    ///
    /// - Parameters:
    ///   - fields: Further header fields.
    ///   - piece: Maximum bytes of the header list per frame.
    static func request(
        _ stream: Int, _ target: String = "/v1.3/me?access_token=EMAWsecond", fields: [String: String] = [:], piece: Int = 16_384
    ) -> [Frame] {
        // Indices of HPACK's static table (RFC 7541, appendix A): GET, https, :path and :authority.
        var block: [UInt8] = [0x82, 0x87, 0x04] + text(target) + [0x01] + text("localhost")
        for (name, value) in fields { block += [0x00] + text(name) + text(value) }
        let pieces = stride(from: 0, to: block.count, by: piece).map { Array(block[$0..<min($0 + piece, block.count)]) }
        return pieces.enumerated().map { index, payload in
            var flags = index == 0 ? Frame.endStream : 0
            if index == pieces.count - 1 { flags |= Frame.endHeaders }
            return Frame(kind: index == 0 ? .headers : .continuation, flags: flags, stream: stream, payload: payload)
        }
    }

    static func reset(_ stream: Int) -> Frame {
        Frame(kind: .reset, stream: stream, payload: bytes(8, 4))
    }

    /// A string of HPACK without Huffman's code (RFC 7541, section 5.2).
    private static func text(_ text: String) -> [UInt8] {
        var (length, rest) = (text.utf8.count, [UInt8]())
        if length >= 127 {
            var left = length - 127
            while left >= 128 {
                rest.append(UInt8(left % 128 + 128))
                left /= 128
            }
            rest.append(UInt8(left))
            length = 127
        }
        return [UInt8(length)] + rest + Array(text.utf8)
    }

    private static func frames(in bytes: [UInt8]) -> [Frame] {
        var (frames, rest) = ([Frame](), bytes[...])
        while rest.count >= 9 {
            let length = number(rest.prefix(3))
            guard rest.count >= 9 + length, let kind = Frame.Kind(rawValue: rest[rest.startIndex + 3]) else { break }
            frames.append(
                Frame(
                    kind: kind, flags: rest[rest.startIndex + 4], stream: number(rest.dropFirst(5).prefix(4)),
                    payload: Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }

    fileprivate static func number(_ bytes: some Sequence<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    static func bytes(_ number: Int, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
