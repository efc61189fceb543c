internal import DoormanCore

/// A `Verify` call in canonical form, read from a frame's data without unpacking: see ``CanonicalFieldReader``.
package struct CanonicalVerifyRequest: Sendable, Hashable {
    /// The range of the token in the data.
    package let token: Range<Int>
    /// The range of the application's id in the data; empty for any application.
    package let applicationID: Range<Int>
    /// The maximum age of a cached verdict; 0 for any age.
    package let maxAgeSeconds: UInt32
    /// The caller's timeout in nanoseconds; 0 for the server's default.
    package let timeoutNanoseconds: UInt64

    /// The first bytes of each such call: fields 1 and 2 of `ttrpc.Request`, the service and the method.
    static let head: StaticString = "\u{0A}\u{0F}doorman.v1.Auth\u{12}\u{06}Verify"

    /// Reads a call; `nil` if it is another call, or is not in canonical form. protobuf-c must read it then.
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
            guard pair.isComplete else { return nil }
        }
        guard let request = CanonicalVerifyPayload(payload, in: data), call.isComplete else { return nil }
        token = request.token
        maxAgeSeconds = request.maxAgeSeconds
        applicationID = request.applicationID
    }
}

/// A `VerifyRequest` in canonical form, for protocols whose payloads stand alone.
package struct CanonicalVerifyPayload: Sendable, Hashable {
    /// The range of the token in the data.
    package let token: Range<Int>
    /// The range of the application's id in the data; empty for any application.
    package let applicationID: Range<Int>
    /// The maximum age of a cached verdict; 0 for any age.
    package let maxAgeSeconds: UInt32

    /// Reads the message in this range of the data; `nil` if it is not in canonical form. protobuf-c must read it then.
    @inline(__always)
    package init?(_ range: Range<Int>, in data: Span<UInt8>) {
        var request = CanonicalFieldReader(in: range)
        token = request.bytes(1, in: data)
        maxAgeSeconds = request.smallNumber(2, in: data)
        applicationID = request.bytes(3, in: data)
        guard request.isComplete, !data.containsNUL(in: applicationID) else { return nil }
    }

    /// Returns the fields in the data from which the message was read.
    ///
    /// - Parameter timeoutNanoseconds: The caller's timeout; 0 for the server's default.
    @inline(__always)
    @_lifetime(copy data)
    package func fields(in data: Span<UInt8>, timeoutNanoseconds: UInt64) -> VerifyRequestView {
        VerifyRequestView(
            token: data.extracting(token), applicationID: data.extracting(applicationID), maxAgeSeconds: maxAgeSeconds,
            timeoutNanoseconds: timeoutNanoseconds)
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
