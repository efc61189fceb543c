package import DoormanCore

extension Identity {
    /// Reads the identity from a response to `Verify` in canonical form, without unpacking it: see ``CanonicalFieldReader``.
    ///
    /// - Returns: `nil` for another response or form, or for texts that are not ASCII of less than 128 bytes. protobuf-c must read
    ///   the response then.
    package init?(canonicalResponse data: Span<UInt8>) {
        var response = CanonicalFieldReader(in: data.indices)
        let payload = response.bytes(2, in: data)
        var fields = CanonicalFieldReader(in: payload)
        let accountID = fields.bytes(1, in: data)
        let applicationID = fields.bytes(2, in: data)
        let phone = fields.bytes(3, in: data)
        let email = fields.bytes(4, in: data)
        let provider = fields.bytes(5, in: data)
        let verifiedAt = fields.number(6, in: data)
        let validUntil = fields.number(7, in: data)
        let freshness = fields.smallNumber(8, in: data)
        var phoneFields = CanonicalFieldReader(in: phone)
        let number = phoneFields.bytes(1, in: data)
        let countryPrefix = phoneFields.bytes(2, in: data)
        let nationalNumber = phoneFields.bytes(3, in: data)
        guard response.isComplete, fields.isComplete, phoneFields.isComplete, !accountID.isEmpty, phone.isEmpty || !number.isEmpty,
            // Checks all texts at once with the tags and lengths between them, which are from 1 to 127, too. Almost all texts are
            // ASCII without NUL, and checking for that is cheaper than validating UTF-8.
            data.extracting(payload.lowerBound..<provider.upperBound).isASCIIWithoutNUL
        else { return nil }
        self.init(
            texts: [accountID, applicationID, provider, email, number, countryPrefix, nationalNumber], in: data,
            verifiedAt: Timestamp(millisecondsSince1970: Int64(verifiedAt)),
            validUntil: Timestamp(millisecondsSince1970: Int64(validUntil)), freshness: Freshness(wire: freshness))
    }
}
