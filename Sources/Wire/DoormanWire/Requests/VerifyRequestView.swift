/// The fields of a `Verify` call, in the memory of the call's frame or message.
package struct VerifyRequestView: ~Escapable {
    package let token: Span<UInt8>
    /// The application's id; empty for any application. UTF-8, unless the caller violates the contract.
    package let applicationID: Span<UInt8>
    /// The maximum age of a cached verdict; 0 for any age.
    package let maxAgeSeconds: UInt32
    /// The caller's timeout in nanoseconds; 0 for the server's default.
    private let timeoutNanoseconds: UInt64

    @inline(__always)
    @_lifetime(copy token, copy applicationID)
    package init(token: Span<UInt8>, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, timeoutNanoseconds: UInt64) {
        self.token = token
        self.applicationID = applicationID
        self.maxAgeSeconds = maxAgeSeconds
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    /// The caller's timeout; `nil` for the server's default.
    package var timeout: Duration? {
        timeoutNanoseconds > 0 ? .nanoseconds(Int64(clamping: timeoutNanoseconds)) : nil
    }
}

extension CanonicalVerifyRequest {
    /// Returns the fields in the data from which the request was read.
    @inline(__always)
    @_lifetime(copy data)
    package func fields(in data: Span<UInt8>) -> VerifyRequestView {
        VerifyRequestView(
            token: data.extracting(token), applicationID: data.extracting(applicationID), maxAgeSeconds: maxAgeSeconds,
            timeoutNanoseconds: timeoutNanoseconds)
    }
}
