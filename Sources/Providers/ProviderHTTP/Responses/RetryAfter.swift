internal import DoormanSupport

/// The `Retry-After` header in its form in seconds (RFC 9110, section 10.2.3).
///
/// A date is ignored, since it would depend on two clocks.
package enum RetryAfter {
    /// The maximum back-off, whatever the provider requests: one hour.
    package static let maximum = Duration.seconds(3600)

    /// The time to wait, at most ``maximum``; `nil` if the header is absent or has another form.
    package static func duration(in headers: HTTPHeaders) -> Duration? {
        guard let text = headers["Retry-After"], DecimalDigits.areAll(text, upTo: 18) else { return nil }
        return Int64(text).map { min(.seconds($0), maximum) }
    }
}
