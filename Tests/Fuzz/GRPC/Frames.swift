internal import FuzzKit
internal import TestKit

/// Frames that an input asks for, so that few bytes of input make requests that pass the first checks.
enum Frames {
    static let opening = HTTP2Frame.preface + HTTP2Frame.settings()

    private static let paths = [
        "/doorman.v1.Auth/Verify", "/doorman.v1.Auth/Verify", "/doorman.v1.Auth/Verify", "/doorman.v1.Auth/Exchange",
        "/doorman.v1.Auth/Revoke", "/doorman.v1.Accounts/List", "/doorman.v1.Stats/Get", "/grpc.health.v1.Health/Check",
        "/envoy.service.auth.v3.Authorization/Check", "/doorman.v1.Auth/Nothing", "/auth", "/v1/verify?x", "/oauth2/introspect",
    ]
    private static let timeouts = ["", "1S", "10m", "0n", "99999999H", "1x", "123456789S"]
    private static let contentTypes = ["application/grpc", "application/grpc", "application/grpc+proto", "application/json", ""]

    private static func id(_ stream: UInt8) -> UInt32 { UInt32(stream & 0x3f) << 1 | 1 }

    /// Returns the frames of a request: all of it, or only its headers.
    static func request(stream: UInt8, choice: UInt8) -> [UInt8] {
        let choice = Int(choice)
        var headers = [
            (":method", choice % 11 == 10 ? "GET" : "POST"), (":scheme", "http"), (":path", paths[choice % paths.count]),
            (":authority", "doorman"), ("te", "trailers"),
        ]
        for (name, value) in [
            ("content-type", contentTypes[choice / 3 % contentTypes.count]), ("grpc-timeout", timeouts[choice % timeouts.count]),
        ] where !value.isEmpty {
            headers.append((name, value))
        }
        if choice & 0x40 != 0 { headers.append(("authorization", "Bearer hit")) }
        let block = HTTP2Frame.headers(id(stream), HTTP2Frame.block(headers))
        return stream & 0x40 != 0 ? block : block + body(stream, choice)
    }

    private static func body(_ stream: UInt8, _ choice: Int) -> [UInt8] {
        let token = Array("h".utf8) + [UInt8(choice & 7)]
        let tokens: [[UInt8]] = [token, [UInt8(ascii: "m"), stream], Array("x".utf8), []]
        let message = [0x0a, UInt8(tokens[choice >> 1 & 3].count)] + tokens[choice >> 1 & 3]
        var bytes: [UInt8] = [choice & 0x3f == 0x3f ? 1 : 0, 0, 0, 0, UInt8(message.count)] + message
        if choice & 0x1f == 0x1e { bytes += bytes }
        return HTTP2Frame.data(id(stream), bytes, flags: stream & 0x80 == 0 ? HTTP2Frame.endStream : 0)
    }

    /// Returns a frame that controls the connection or a stream.
    static func control(_ kind: UInt8, stream: UInt8, value: UInt8) -> [UInt8] {
        switch kind % 9 {
        case 0: HTTP2Frame.reset(id(stream), UInt32(value & 0x0f))
        case 1: HTTP2Frame.windowUpdate(stream & 1 == 0 ? 0 : id(stream), UInt32(value) << 4)
        case 2: HTTP2Frame.settings([(4, UInt32(value))])
        case 3: HTTP2Frame.settings([(UInt16(stream & 7), UInt32(value) << 10)])
        case 4: HTTP2Frame.ping(value)
        case 5: HTTP2Frame.frame(6, flags: 1, Array(repeating: value, count: 8))
        case 6: HTTP2Frame.frame(7, Array(repeating: 0, count: 8))
        case 7: HTTP2Frame.frame(4, flags: 1)
        default: HTTP2Frame.data(id(stream), Array(repeating: value, count: Int(value)), flags: value & 1)
        }
    }

    /// Returns a frame with a valid length and other contents from the input.
    static func raw(_ input: inout InputReader) -> [UInt8] {
        let (type, flags, stream) = (input.byte(), input.byte(), input.byte())
        return HTTP2Frame.frame(type & 0x0f, flags: flags, stream: UInt32(stream), input.bytes(Int(input.byte())))
    }
}
