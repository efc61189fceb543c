/// A setting that a reload compares with the contents in use: its value, or the contents of its file.
struct ComparedSetting<Contents>: Sendable {
    let key: String
    /// Whether the setting differs between the first contents and the second.
    let isDifferent: @Sendable (Contents, Contents) -> Bool

    /// - Parameter value: Returns the setting's part of the contents.
    init<Value: Equatable & Sendable>(_ key: String, _ value: @escaping @Sendable (Contents) -> Value) {
        self.key = key
        isDifferent = { value($0) != value($1) }
    }
}

extension Array {
    /// Returns the keys of the settings that differ.
    func changedKeys<Contents>(from before: Contents, to after: Contents) -> [String] where Element == ComparedSetting<Contents> {
        filter { $0.isDifferent(before, after) }.map(\.key)
    }
}
