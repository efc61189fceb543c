package import StrictJSON

/// The scopes of a token.
package enum ScopeList {
    /// The maximum number of scopes. A call can require 64.
    package static let maximumScopes = 256
    /// The maximum length of all scopes together, in bytes.
    package static let maximumBytes = 4096

    /// Returns the scopes of a list, or of a text with spaces between them. None if the value has another form: a missing scope forbids
    /// more, never less.
    ///
    /// - Throws: ``IdentityLimit/scopes`` if there are too many, or if they are too long.
    package static func parse(_ value: JSONValue?) throws(IdentityLimit) -> [String] {
        let scopes: [String]
        switch value {
        case .string(let text):
            scopes = text.utf8.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        case .array(let elements):
            let texts = elements.compactMap(\.string)
            scopes = texts.count == elements.count ? texts.filter { !$0.isEmpty } : []
        default: return []
        }
        guard scopes.count <= maximumScopes, scopes.reduce(0, { $0 + $1.utf8.count }) <= maximumBytes else { throw .scopes }
        return scopes
    }
}
