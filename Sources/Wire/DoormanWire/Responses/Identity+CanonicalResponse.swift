package import DoormanCore

extension Identity {
    /// The identity in the data of a response frame of the plain form, whose texts are ASCII of less than 128 bytes, without unpacking it.
    ///
    /// - Returns: Nil if the answer is another, or of another form. What it is then, protobuf-c knows.
    package init?(plainResponse data: Span<UInt8>) {
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
        guard response.haveEnded, fields.haveEnded, phoneFields.haveEnded, !accountID.isEmpty, phone.isEmpty || !number.isEmpty,
            // With the tags and lengths between them, which are from 1 to 127 too: one look at all costs less than seven. Few texts hold
            // a NUL, or anything but ASCII, and to look for it costs less than to read UTF-8.
            data.extracting(payload.lowerBound..<provider.upperBound).isPlainASCII
        else { return nil }
        self.init(
            texts: [accountID, applicationID, provider, email, number, countryPrefix, nationalNumber], in: data,
            verifiedAt: Timestamp(millisecondsSince1970: Int64(verifiedAt)),
            validUntil: Timestamp(millisecondsSince1970: Int64(validUntil)), freshness: Freshness(wire: freshness))
    }
}
