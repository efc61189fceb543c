internal import DoormanSupport

/// The name of a provider in the settings: the value of `Identity.provider`, and a label in metrics.
package enum ProviderName {
    /// The expected form of a name, as words that follow the key of a setting; `nil` if a name has that form.
    package static func problem(of name: String) -> String? {
        guard !(1...64).contains(name.utf8.count) || !name.utf8.allSatisfy(\.isVisibleASCII) else { return nil }
        return "must have 1 to 64 visible ASCII characters"
    }
}
