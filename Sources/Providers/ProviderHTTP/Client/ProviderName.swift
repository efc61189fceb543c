internal import DoormanSupport

/// The name of a provider in the settings: the value of `Identity.provider`, and a label in metrics.
package enum ProviderName {
    /// The expected form of a name, as words that follow the key of a setting; `nil` if a name has that form.
    package static func problem(of name: String) -> String? {
        let isName =
            (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { $0.isASCIIAlphanumeric || "._-".utf8.contains($0) }
        return isName ? nil : "must have 1 to 64 letters, digits, dots, hyphens or underscores"
    }
}
