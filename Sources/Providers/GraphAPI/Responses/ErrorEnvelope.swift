package import StrictJSON

/// The `error` object of a response of the Graph API (Account Kit's contract, section 3). Any field may be absent.
///
/// A field of a wrong type makes the response malformed, which is not a reason to reject a token.
package struct ErrorEnvelope: Sendable, Hashable {
    /// `nil` if absent.
    let code: Int64?
    /// Empty if absent. Never shown to anyone, since the provider wrote it; only compared.
    let message: String
    /// Empty if absent.
    let type: String
    let isTransient: Bool

    package init?(_ value: JSONValue) {
        guard let object = value.object else { return nil }
        switch object.present("code") {
        case nil: code = nil
        case .integer(let number): code = number
        default: return nil
        }
        switch object.present("message") {
        case nil: message = ""
        case .string(let text): message = text
        default: return nil
        }
        switch object.present("type") {
        case nil: type = ""
        case .string(let text): type = text
        default: return nil
        }
        switch object.present("is_transient") {
        case nil: isTransient = false
        case .bool(let flag): isTransient = flag
        default: return nil
        }
    }
}
