package import DoormanCore

/// The body of `POST /oauth2/introspect`: `application/x-www-form-urlencoded` (WHATWG URL, section 5.1; RFC 7662, section 2.1).
///
/// Parameters of other names are ignored, as RFC 6749 says in section 3.2.
package struct IntrospectionForm: Sendable, Hashable {
    /// The maximum number of parameters.
    package static let maximumParameters = 16
    /// The maximum length of each value but the token's, in bytes.
    package static let maximumValueBytes = 1024

    package let token: Token
    /// The hint about the kind of token, which needs no attention.
    package let tokenTypeHint: String?
    /// The client's id; `nil` if the form has none.
    package let clientID: String?
    /// The client's secret in bytes; `nil` if the form has none.
    package let clientSecret: [UInt8]?

    package init(_ body: [UInt8]) throws(MalformedBody) {
        var values: [String: [UInt8]] = [:]
        var count = 0
        for parameter in body.split(separator: UInt8(ascii: "&")) {
            count += 1
            guard count <= Self.maximumParameters else {
                throw MalformedBody("The form has more than \(Self.maximumParameters) parameters.")
            }
            let parts = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = FormText.decode(parts[0]), let value = FormText.decode(parts.count > 1 ? parts[1] : []) else {
                throw MalformedBody("The form has an invalid percent-encoding.")
            }
            guard
                let known = ["token", "token_type_hint", "client_id", "client_secret"].first(where: { name.elementsEqual($0.utf8) })
            else { continue }
            guard values.updateValue(value, forKey: known) == nil else {
                throw MalformedBody("The form has the parameter \(known) twice.")
            }
            guard known == "token" || value.count <= Self.maximumValueBytes else {
                throw MalformedBody("The parameter \(known) has more than \(Self.maximumValueBytes) bytes.")
            }
        }
        guard let token = values["token"] else { throw MalformedBody("The form has no parameter token.") }
        self.token = Token(bytes: token)
        tokenTypeHint = try Self.text(values["token_type_hint"], "token_type_hint")
        clientID = try Self.text(values["client_id"], "client_id")
        clientSecret = values["client_secret"]
    }

    private static func text(_ value: [UInt8]?, _ name: StaticString) throws(MalformedBody) -> String? {
        guard let value else { return nil }
        guard let text = String(validating: value, as: UTF8.self) else {
            throw MalformedBody("The parameter \(name) is not UTF-8.")
        }
        return text
    }
}

extension IntrospectionForm: Redacted {
    /// The type and the number of bytes of the token.
    package var description: String { "IntrospectionForm(\(token.bytes.count) bytes)" }
}
