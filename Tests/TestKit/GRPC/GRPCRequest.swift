/// Requests of gRPC.
package enum GRPCRequest {
    /// The headers of a call.
    ///
    /// - Parameters:
    ///   - name: A header to leave out.
    ///   - further: Headers to add, or to replace by name.
    package static func headers(
        path: String = "/doorman.v1.Auth/Verify", timeout: String? = nil, without name: String = "",
        _ further: [(String, String)] = []
    ) -> [(String, String)] {
        let all = [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "doorman:7117"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ]
        let replaced = Set(further.map(\.0) + [name])
        let kept = all.filter { !replaced.contains($0.0) } + further + (timeout.map { [("grpc-timeout", $0)] } ?? [])
        // Pseudo-headers come first.
        return kept.filter { $0.0.hasPrefix(":") } + kept.filter { !$0.0.hasPrefix(":") }
    }

    /// A message in its frame.
    package static func frame(_ message: [UInt8], flag: UInt8 = 0, length: Int? = nil) -> [UInt8] {
        let length = UInt32(length ?? message.count)
        return [flag] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + message
    }

    /// A `VerifyRequest` in its frame.
    package static func verify(_ token: String) -> [UInt8] {
        let count = token.utf8.count
        precondition(count < 1 << 14)
        let length = count < 128 ? [UInt8(count)] : [UInt8(count & 0x7f | 0x80), UInt8(count >> 7)]
        return frame([0x0a] + length + Array(token.utf8))
    }
}
