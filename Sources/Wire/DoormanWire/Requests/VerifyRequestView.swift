/// The fields of a `Verify` call, in the memory that they were read from.
package struct VerifyRequestView: ~Escapable {
    package let token: Span<UInt8>
    /// The application's id, in UTF-8 if the caller keeps to the contract; empty for any application.
    package let applicationID: Span<UInt8>
    /// The maximum age of a cached answer; 0 for any age.
    package let maxAgeSeconds: UInt32
    /// In nanoseconds; 0 leaves it to the server.
    private let timeoutNanoseconds: UInt64

    @inline(__always)
    @_lifetime(copy token, copy applicationID)
    package init(token: Span<UInt8>, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, timeoutNanoseconds: UInt64) {
        self.token = token
        self.applicationID = applicationID
        self.maxAgeSeconds = maxAgeSeconds
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    /// How long the caller will wait; `nil` where that is left to the server.
    package var timeout: Duration? {
        timeoutNanoseconds > 0 ? .nanoseconds(Int64(clamping: timeoutNanoseconds)) : nil
    }
}

extension CanonicalVerifyRequest {
    /// The fields in the data that the request was found in.
    @inline(__always)
    @_lifetime(copy data)
    package func fields(in data: Span<UInt8>) -> VerifyRequestView {
        VerifyRequestView(
            token: data.extracting(token), applicationID: data.extracting(applicationID), maxAgeSeconds: maxAgeSeconds,
            timeoutNanoseconds: timeoutNanoseconds)
    }
}
