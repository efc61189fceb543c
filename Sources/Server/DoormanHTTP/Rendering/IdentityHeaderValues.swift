internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire

/// Writes the identity headers of forward auth. Each response has all of them, because a gateway may pass on the client's own value of a
/// header that is absent.
enum IdentityHeaderValues {
    static func write(
        _ identity: EncodedIdentity, of data: Span<UInt8>, _ profile: HTTPProfile, to writer: inout some HTTPResponseWriter,
        _ counters: ServerCounters
    ) {
        for header in IdentityHeader.allCases {
            guard profile.headers.count == IdentityHeader.allCases.count || profile.headers.contains(header) else {
                writer.addHeader(header.name, "")
                continue
            }
            switch header {
            case .accountID: write(header, data.extracting(identity.accountID), to: &writer, counters)
            case .applicationID: write(header, data.extracting(identity.applicationID), to: &writer, counters)
            case .phone: write(header, data.extracting(identity.phoneNumber), to: &writer, counters)
            case .email: write(header, data.extracting(identity.email), to: &writer, counters)
            case .provider: write(header, data.extracting(identity.provider), to: &writer, counters)
            case .scopes: writeScopes(of: identity, in: data, to: &writer, counters)
            case .freshness: writer.addHeader(header.name, identity.freshness.headerValue)
            }
        }
    }

    private static func write(
        _ header: IdentityHeader, _ value: Span<UInt8>, to writer: inout some HTTPResponseWriter, _ counters: ServerCounters
    ) {
        // A percent sign is encoded, too. Otherwise two accounts could have the same value.
        if value.isVisibleASCII, value.firstIndex(of: UInt8(ascii: "%")) == nil { return writer.addHeader(header.name, value) }
        var encoded: [UInt8] = []
        guard append(value, to: &encoded) else { return withhold(header, &writer, counters) }
        writer.addHeader(header.name, encoded.span)
    }

    /// Writes the scopes with a space between two of them.
    private static func writeScopes(
        of identity: EncodedIdentity, in data: Span<UInt8>, to writer: inout some HTTPResponseWriter, _ counters: ServerCounters
    ) {
        guard identity.hasScopes else { return writer.addHeader(.scopes, "") }
        var joined: [UInt8] = []
        var isValid = true
        identity.forEachScope(in: data) { scope in
            if !joined.isEmpty { joined.append(UInt8(ascii: " ")) }
            if isValid { isValid = append(data.extracting(scope), to: &joined) }
        }
        guard isValid else { return withhold(.scopes, &writer, counters) }
        writer.addHeader(.scopes, joined.span)
    }

    /// Sends a header without its value, and notes that.
    private static func withhold(_ header: IdentityHeader, _ writer: inout some HTTPResponseWriter, _ counters: ServerCounters) {
        writer.addHeader(header.name, "")
        counters.note(CallerEvent(caller: nil, kind: .withheldHeader(header.rawValue)))
    }

    /// Appends the percent-encoding of a value.
    ///
    /// - Returns: `false` if the value has a control byte.
    private static func append(_ value: Span<UInt8>, to encoded: inout [UInt8]) -> Bool {
        guard !value.hasControlByte else { return false }
        for index in value.indices {
            let byte = value[index]
            if (0x21...0x7e).contains(byte), byte != UInt8(ascii: "%") {
                encoded.append(byte)
            } else {
                encoded.append(UInt8(ascii: "%"))
                encoded.append(HexadecimalDigit.upperCase(byte >> 4))
                encoded.append(HexadecimalDigit.upperCase(byte & 15))
            }
        }
        return true
    }
}

extension Freshness {
    /// The value in a header.
    fileprivate var headerValue: StaticString {
        switch self {
        case .fresh: "fresh"
        case .cached: "cached"
        case .stale: "stale"
        }
    }
}
