package import StrictJSON

/// The members of a response that are copied into an identity, as JSON texts.
package enum CopiedClaims {
    /// The maximum length of all names and values together, in bytes.
    package static let maximumBytes = 4096
    /// The maximum number of names in the settings.
    package static let maximumNames = 32

    /// The expected form of names, as words that follow the key of a setting; `nil` if they have that form.
    package static func problem(of names: [String]) -> String? {
        guard names.count > maximumNames || !names.allSatisfy({ (1...128).contains($0.utf8.count) }) else { return nil }
        return "must have at most 32 names of 1 to 128 bytes"
    }

    /// Returns the named members that are present.
    ///
    /// - Parameter limit: The error to throw if they are longer than ``maximumBytes``.
    package static func copy(
        _ names: [String], from members: [String: JSONValue], limit: IdentityLimit = .claims
    ) throws(IdentityLimit) -> [String: String] {
        var copied: [String: String] = [:]
        var bytes = 0
        for name in names {
            guard let text = members.present(name)?.text else { continue }
            bytes += name.utf8.count + text.utf8.count
            guard bytes <= maximumBytes else { throw limit }
            copied[name] = text
        }
        return copied
    }
}
