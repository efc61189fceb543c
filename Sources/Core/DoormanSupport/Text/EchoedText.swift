/// Texts from a command line, an environment or a file, as messages show them. Each may be a secret in the wrong place.
package enum EchoedText {
    private static let maximumLength = 64
    private static let maximumPathLength = 1024

    /// Returns a name on one line of bounded length, up to the first character that no name contains: what follows may be a value, and
    /// so a secret, such as in `app-secret:VALUE` without a space.
    package static func name(_ text: String) -> String {
        let name = nameOnly(text)
        return shown(name.count == text.count ? name : name + "…")
    }

    /// Returns the beginning of a text that can be a name: letters, digits, `.`, `_` and `-`.
    package static func nameOnly(_ text: String) -> String {
        String(text.prefix { $0.isLetter || $0.isNumber || "._-".contains($0) })
    }

    /// Returns the name of a flag. A value may follow it without a space: only one letter follows a single dash, and only what names of
    /// long flags consist of, lower-case letters, follows two.
    package static func flag(_ text: String) -> String {
        guard text.hasPrefix("--") else { return shown(String(text.prefix(2))) }
        let name = text.prefix { "a"..."z" ~= $0 || "._-".contains($0) }
        let end = text[name.endIndex...]
        return shown(end.isEmpty || end.hasPrefix("=") || end.hasPrefix(" ") ? String(name) : name + "…")
    }

    /// Returns the path of a file; `nil` if it may be a secret. Only an absolute path is shown: few secrets begin with a slash. Two
    /// slashes may begin a URL with a password.
    package static func path(_ path: String) -> String? {
        let isShown =
            path.hasPrefix("/") && !path.hasPrefix("//") && path.utf8.count <= maximumPathLength
            && path.utf8.allSatisfy(\.isVisibleASCII)
        return isShown ? path : nil
    }

    /// Returns the text on one line of bounded length. Control characters could rewrite an operator's terminal.
    package static func shown(_ text: String) -> String {
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
