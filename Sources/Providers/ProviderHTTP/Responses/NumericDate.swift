package import DoormanCore
package import StrictJSON

/// Times in responses and tokens: seconds since 1970, with or without a fraction (RFC 7662, section 2.2; RFC 7519, section 2).
package enum NumericDate {
    /// The end of the year 9999, in seconds. A later time is an error of the provider, for example milliseconds in place of seconds.
    package static let latest: Int64 = 253_402_300_799

    /// The moment of a number from 0 to ``latest``, rounded down to the millisecond; `nil` for any other value.
    package static func timestamp(_ value: JSONValue) -> Timestamp? {
        switch value {
        case .integer(let seconds):
            guard (0...latest).contains(seconds) else { return nil }
            return Timestamp(millisecondsSince1970: seconds * 1000)
        case .number:
            guard let seconds = value.double, (0...Double(latest)).contains(seconds) else { return nil }
            return Timestamp(millisecondsSince1970: Int64((seconds * 1000).rounded(.down)))
        default:
            return nil
        }
    }
}
