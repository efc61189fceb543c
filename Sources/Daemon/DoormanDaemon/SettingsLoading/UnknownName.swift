internal import DoormanSupport

/// Describes an unknown name and suggests a known name that is near.
enum UnknownName {
    /// Returns the message for an unknown name.
    ///
    /// - Parameters:
    ///   - kind: The kind of name, such as `key`.
    ///   - known: The known names, all written like `name`.
    static func message(_ kind: String, _ name: String, among known: [String]) -> String {
        text(kind, name, suggestion: nearest(to: EchoedText.nameOnly(name), among: known))
    }

    /// Returns the message for an unknown name of a setting.
    ///
    /// - Parameters:
    ///   - kind: The kind of name, such as `flag`.
    ///   - spelling: Returns the name of a setting in that source.
    static func message(_ kind: String, _ name: String, spelling: (Setting) -> String) -> String {
        text(kind, name, suggestion: setting(meantBy: SettingSynonyms.plain(EchoedText.nameOnly(name))).map(spelling))
    }

    static func text(_ kind: String, _ name: String, suggestion: String?) -> String {
        "unknown \(kind) \(EchoedText.name(name))" + (suggestion.map { "; did you mean \($0)?" } ?? "")
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

/// Names from a command line, an environment or a file, as messages show them.
enum EchoedText {
    private static let maximumLength = 64

    /// Returns a name on one line of bounded length, up to the first character that no name contains: what follows may be a value, and
    /// so a secret, such as in `app-secret:VALUE` without a space.
    static func name(_ text: String) -> String {
        let name = nameOnly(text)
        return shown(name.count == text.count ? name : name + "…")
    }

    /// Returns the beginning of a text that can be a name: letters, digits, `.`, `_` and `-`.
    static func nameOnly(_ text: String) -> String {
        String(text.prefix { $0.isLetter || $0.isNumber || "._-".contains($0) })
    }

    /// Returns the text on one line of bounded length. Control characters could rewrite an operator's terminal.
    static func shown(_ text: String) -> String {
        let beginning = text.unicodeScalars.prefix(maximumLength + 1)
        var shown = ""
        for scalar in beginning.prefix(maximumLength) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: shown += "?"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return beginning.count > maximumLength ? shown + "…" : shown
    }
}
