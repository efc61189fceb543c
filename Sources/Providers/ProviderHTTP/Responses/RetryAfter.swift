internal import DoormanSupport

/// The `Retry-After` header (RFC 9110, section 10.2.3), its form in seconds. A date is ignored: it would trust two clocks.
package enum RetryAfter {
    /// No provider makes us wait longer than an hour.
    package static let maximum = Duration.seconds(3600)

    package static func duration(in headers: HTTPHeaders) -> Duration? {
        guard let text = headers["Retry-After"], DecimalDigits.areAll(text, upTo: 18) else { return nil }
        return Int64(text).map { min(.seconds($0), maximum) }
    }
}
