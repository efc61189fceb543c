package import DoormanCore

/// The texts of an encoded `Identity` that become headers, for endpoints that send them without decoding the rest. All ranges are in the
/// data that the identity is in; the range of an absent text is empty.
package struct EncodedIdentity: Sendable, Hashable {
    package let accountID: Range<Int>
    package let applicationID: Range<Int>
    package let phoneNumber: Range<Int>
    package let email: Range<Int>
    package let provider: Range<Int>
    package let freshness: Freshness
    /// The field of the scopes, with their tags and lengths.
    private let scopes: Range<Int>

    /// Reads an identity in canonical form, without unpacking it: see ``CanonicalFieldReader``.
    ///
    /// - Returns: `nil` for another form, or without an account.
    package init?(_ payload: Range<Int>, in data: Span<UInt8>) {
        var fields = CanonicalFieldReader(in: payload)
        accountID = fields.bytes(1, in: data)
        applicationID = fields.bytes(2, in: data)
        let phone = fields.bytes(3, in: data)
        email = fields.bytes(4, in: data)
        provider = fields.bytes(5, in: data)
        _ = (fields.number(6, in: data), fields.number(7, in: data))
        freshness = Freshness(wire: fields.smallNumber(8, in: data))
        let start = fields.rest.lowerBound
        while fields.message(9, in: data) != nil {}
        scopes = start..<fields.rest.lowerBound
        Self.skipFurtherFields(&fields, in: data)
        var phoneFields = CanonicalFieldReader(in: phone)
        phoneNumber = phoneFields.bytes(1, in: data)
        _ = (phoneFields.bytes(2, in: data), phoneFields.bytes(3, in: data))
        guard fields.isComplete, phoneFields.isComplete, !accountID.isEmpty else { return nil }
    }

    /// Skips the end of the token, the issuer, the verified flags and the claims.
    private static func skipFurtherFields(_ fields: inout CanonicalFieldReader, in data: Span<UInt8>) {
        guard !fields.rest.isEmpty else { return }
        _ = (fields.number(10, in: data), fields.bytes(11, in: data), fields.number(12, in: data), fields.number(13, in: data))
        while fields.message(14, in: data) != nil {}
    }

    package var hasScopes: Bool { !scopes.isEmpty }

    /// Calls `body` with the range of each scope.
    package func forEachScope(in data: Span<UInt8>, _ body: (Range<Int>) -> Void) {
        var fields = CanonicalFieldReader(in: scopes)
        while let scope = fields.message(9, in: data) { body(scope) }
    }
}
