internal import DoormanCore

/// A `Verify` in the plain form, found in a frame's data without unpacking it.
package struct CanonicalVerifyRequest: Sendable, Hashable {
    /// Where in the data the token lies.
    package let token: Range<Int>
    /// Where in the data the application's id lies; empty for any.
    package let applicationID: Range<Int>
    /// 0 for any age.
    package let maxAgeSeconds: UInt32
    /// In nanoseconds; 0 leaves it to the server.
    package let timeoutNanoseconds: UInt64

    /// Service and method as they begin every such call: `ttrpc.Request`, fields 1 and 2.
    static let head: StaticString = "\u{0A}\u{0F}doorman.v1.Auth\u{12}\u{06}Verify"

    /// - Returns: Nil if it is another call, or of another form. What it is then, protobuf-c knows.
    @inline(__always)
    package init?(_ data: Span<UInt8>) {
        let headCount = Self.head.utf8CodeUnitCount
        guard data.count > headCount, data.begins(with: Self.head) else { return nil }
        var call = CanonicalFieldReader(in: headCount..<data.count)
        let payload = call.bytes(3, in: data)
        timeoutNanoseconds = call.number(4, in: data)
        while true {
            let entry = call.bytes(5, in: data)
            if entry.isEmpty { break }
            var pair = CanonicalFieldReader(in: entry)
            _ = pair.bytes(1, in: data)
            _ = pair.bytes(2, in: data)
            guard pair.haveEnded else { return nil }
        }
        var request = CanonicalFieldReader(in: payload)
        token = request.bytes(1, in: data)
        maxAgeSeconds = request.smallNumber(2, in: data)
        applicationID = request.bytes(3, in: data)
        guard call.haveEnded, request.haveEnded, !data.holdsNUL(in: applicationID) else { return nil }
    }
}

extension Span where Element == UInt8 {
    @inline(__always)
    fileprivate func begins(with text: StaticString) -> Bool {
        let start = unsafe text.utf8Start
        for index in 0..<text.utf8CodeUnitCount where unsafe self[index] != start[index] { return false }
        return true
    }
}
