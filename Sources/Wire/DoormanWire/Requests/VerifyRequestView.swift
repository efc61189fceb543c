package import DoormanCore
internal import DoormanSupport

/// The fields of a `Verify` call, in the memory of the call's frame or message.
package struct VerifyRequestView: ~Escapable {
    package let token: Span<UInt8>
    /// The application's id; empty for any application. UTF-8, unless the caller violates the contract.
    package let applicationID: Span<UInt8>
    /// The provider's name; empty for any provider. UTF-8, unless the caller violates the contract.
    package let provider: Span<UInt8>
    /// The scopes that the token must have.
    package let requiredScopes: [String]
    /// The position of the revocation that the verdict must not be older than; empty for none.
    package let notBefore: Span<UInt8>
    /// The maximum age of a cached verdict; 0 for any age.
    package let maxAgeSeconds: UInt32
    /// Whether the call requires more than an application and an age: a provider, scopes, or a revocation.
    package let hasFurtherRequirements: Bool
    /// The caller's timeout in nanoseconds; 0 for the server's default.
    private let timeoutNanoseconds: UInt64

    @inline(__always)
    @_lifetime(copy token, copy applicationID)
    package init(token: Span<UInt8>, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, timeoutNanoseconds: UInt64) {
        self.token = token
        self.applicationID = applicationID
        provider = Span()
        requiredScopes = []
        notBefore = Span()
        self.maxAgeSeconds = maxAgeSeconds
        hasFurtherRequirements = false
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    /// Creates a view with the fields that the canonical form lacks.
    ///
    /// - Parameter fields: The view without them.
    @_lifetime(copy fields, copy provider, copy notBefore)
    init(_ fields: VerifyRequestView, provider: Span<UInt8>, requiredScopes: [String], notBefore: Span<UInt8>) {
        token = fields.token
        applicationID = fields.applicationID
        self.provider = provider
        self.requiredScopes = requiredScopes
        self.notBefore = notBefore
        maxAgeSeconds = fields.maxAgeSeconds
        hasFurtherRequirements = !provider.isEmpty || !requiredScopes.isEmpty || !notBefore.isEmpty
        timeoutNanoseconds = fields.timeoutNanoseconds
    }

    /// The facts that the token must have; `nil` if a text is not UTF-8 or longer than ``TokenRequirements/maximumNameBytes``.
    package var requirements: TokenRequirements? {
        guard max(provider.count, applicationID.count) <= TokenRequirements.maximumNameBytes else { return nil }
        guard let provider = provider.text, let applicationID = applicationID.text else { return nil }
        return TokenRequirements(
            provider: provider.isEmpty ? nil : provider, applicationID: applicationID.isEmpty ? nil : applicationID,
            scopes: requiredScopes)
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

extension Span where Element == UInt8 {
    /// The text in UTF-8; `nil` for other bytes.
    fileprivate var text: String? { String(validating: array, as: UTF8.self) }
}
