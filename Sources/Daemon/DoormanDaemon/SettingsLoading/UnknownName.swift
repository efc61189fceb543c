internal import DoormanSupport

/// Describes an unknown name and suggests a known name that is near.
enum UnknownName {
    /// Returns the message for an unknown name.
    ///
    /// - Parameters:
    ///   - kind: The kind of name, such as `key`.
    ///   - known: The known names, all written like `name`.
    static func message(_ kind: String, _ name: String, among known: [String]) -> String {
        text(kind, shown: EchoedText.name(name), suggestion: nearest(to: EchoedText.nameOnly(name), among: known))
    }

    /// Returns the message for an unknown name of a setting.
    ///
    /// - Parameters:
    ///   - kind: The kind of name, such as `flag`.
    ///   - spelling: Returns the name of a setting in that source.
    static func message(_ kind: String, _ name: String, spelling: (Setting) -> String) -> String {
        text(kind, shown: EchoedText.name(name), suggestion: suggestion(for: name, spelling))
    }

    /// Returns the message for an unknown flag.
    static func message(flag: String) -> String {
        // A value may follow the letter after a single dash.
        let name = flag.hasPrefix("--") ? flag : String(flag.prefix(2))
        let program = SettingSynonyms.programFlags[SettingSynonyms.plain(name)]
        return text("flag", shown: EchoedText.name(name), suggestion: program ?? suggestion(for: name, \.flag))
    }

    private static func suggestion(for name: String, _ spelling: (Setting) -> String) -> String? {
        setting(meantBy: SettingSynonyms.plain(EchoedText.nameOnly(name))).map(spelling)
    }

    /// - Parameter name: The name as ``EchoedText`` shows it.
    private static func text(_ kind: String, shown name: String, suggestion: String?) -> String {
        "unknown \(kind) \(name)" + (suggestion.map { "; did you mean \($0)?" } ?? "")
    }

    /// Returns what to add to a message about a key in a YAML file: a hint, if it looks like `KEY:VALUE`. With its space forgotten, a value
    /// is part of the key.
    static func hint(forKey key: String) -> String {
        key.contains(":") ? " YAML needs a space after the colon." : ""
    }

    /// Returns the setting that a plain name means: a synonym, another spelling, the last part of a single key, or
    /// a typing error.
    private static func setting(meantBy name: String) -> Setting? {
        if let key = SettingSynonyms.keys[name] { return SettingsCatalogue.setting(key) }
        let plainKeys = SettingsCatalogue.all.map { SettingSynonyms.plain($0.key) }
        if let index = plainKeys.firstIndex(of: name) { return SettingsCatalogue.all[index] }
        let withEnd = plainKeys.indices.filter { plainKeys[$0].hasSuffix("-" + name) }
        if withEnd.count == 1 { return SettingsCatalogue.all[withEnd[0]] }
        return nearest(to: name, among: plainKeys).flatMap(plainKeys.firstIndex).map { SettingsCatalogue.all[$0] }
    }

    /// Returns the known name with the smallest distance, if few letters differ. Returns `nil` for a name that is too long for
    /// a typing error: the comparison takes time in proportion to the product of both lengths.
    private static func nearest(to name: String, among known: [String]) -> String? {
        guard name.utf8.count <= 256 else { return nil }
        let most = max(1, min(4, name.count / 4))
        let near = known.map { (name: $0, distance: EditDistance.between(name, $0)) }.min { $0.distance < $1.distance }
        return near.flatMap { $0.distance <= most ? $0.name : nil }
    }
}
