/// The URL of a setting. Arguments, environments, `--print-config` and the admin pages show it.
enum SettingURL {
    /// What stands for a query where settings are printed.
    private static let hiddenQuery = "?…"

    /// Returns the URL without its query, which may hold a key.
    static func shown(_ text: String) -> String {
        guard let start = text.firstIndex(where: { "?#".contains($0) }) else { return text }
        return text[..<start] + hiddenQuery
    }

    /// Returns why a setting cannot have this value; `nil` if it can. A value that is no URL can be a name.
    static func problem(of text: String) -> String? {
        if text.hasSuffix(hiddenQuery) { return "must be written with its query, which is hidden where settings are printed" }
        guard let scheme = text.firstRange(of: "://") else { return nil }
        let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
        return authority.contains("@") ? "must not contain a user name or password" : nil
    }
}
