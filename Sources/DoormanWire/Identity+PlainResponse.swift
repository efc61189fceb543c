package import DoormanCore

extension Identity {
    /// The identity in the data of a response frame of the plain form, whose texts are ASCII, without unpacking it.
    ///
    /// - Returns: Nil if the answer is another, or of another form. What it is then, protobuf-c knows.
    package init?(plainResponse data: Span<UInt8>) {
        var response = PlainFields(in: data.indices)
        let payload = response.bytes(2, in: data)
        var fields = PlainFields(in: payload)
        let accountID = fields.bytes(1, in: data)
        let applicationID = fields.bytes(2, in: data)
        let phone = fields.bytes(3, in: data)
        let email = fields.bytes(4, in: data)
        let provider = fields.bytes(5, in: data)
        let verifiedAt = fields.number(6, in: data)
        let validUntil = fields.number(7, in: data)
        let freshness = fields.smallNumber(8, in: data)
        guard response.haveEnded, fields.haveEnded, !accountID.isEmpty else { return nil }
        guard let accountID = data.text(in: accountID), let applicationID = data.text(in: applicationID),
            let email = data.text(in: email), let provider = data.text(in: provider)
        else { return nil }
        var number: PhoneNumber?
        if !phone.isEmpty {
            guard let plain = PhoneNumber(plain: phone, in: data) else { return nil }
            number = plain
        }
        self.init(
            accountID: accountID, applicationID: applicationID, phone: number, email: email.isEmpty ? nil : email,
            provider: provider, verifiedAt: Timestamp(millisecondsSince1970: Int64(verifiedAt)),
            validUntil: Timestamp(millisecondsSince1970: Int64(validUntil)), freshness: Freshness(wire: freshness))
    }
}

extension PhoneNumber {
    fileprivate init?(plain range: Range<Int>, in data: Span<UInt8>) {
        var fields = PlainFields(in: range)
        let number = fields.bytes(1, in: data)
        let countryPrefix = fields.bytes(2, in: data)
        let nationalNumber = fields.bytes(3, in: data)
        guard fields.haveEnded, let number = data.text(in: number), let countryPrefix = data.text(in: countryPrefix),
            let nationalNumber = data.text(in: nationalNumber)
        else { return nil }
        self.init(number: number, countryPrefix: countryPrefix, nationalNumber: nationalNumber)
    }
}

extension Span where Element == UInt8 {
    /// Nil if there is a NUL, or anything but ASCII: few texts hold such, and to look for it costs less than to read UTF-8.
    @inline(__always)
    fileprivate func text(in range: Range<Int>) -> String? {
        guard !range.isEmpty else { return "" }
        let bytes = extracting(range)
        guard bytes.isPlainASCII else { return nil }
        return unsafe String(copying: UTF8Span(unchecked: bytes, isKnownASCII: true))
    }
}
