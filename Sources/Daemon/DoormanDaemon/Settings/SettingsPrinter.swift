/// Prints the settings as a file that ``SettingsLoader`` reads, each with its origin. Secrets are in files of their own, of which
/// only the path is known here.
package enum SettingsPrinter {
    package static func text(_ loaded: SettingsLoader.Loaded) -> String {
        var lines: [String] = []
        var section = ""
        for setting in SettingsCatalogue.all {
            let parts = setting.key.split(separator: ".", maxSplits: 1).map(String.init)
            if parts[0] != section {
                section = parts[0]
                lines.append("\(section):")
            }
            let value = setting.read(loaded.settings)
            lines.append("  \(parts[1]): \(quoted(value))  # \(loaded.origins[setting.key] ?? "default")")
        }
        return lines.joined(separator: "\n")
    }

    /// Quoted unless it is plain text to every YAML reader. See YAML 1.2, sections 5.7 and 7.3.1.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.utf8.allSatisfy { byte in
                byte.isASCIIAlphanumeric || byte == 0x2E || byte == 0x2F
            }
        guard !isPlain else { return value }
        // Not by characters: a quotation mark with an accent is one, and still ends the text.
        return "\"" + value.unicodeScalars.map(escaped).joined() + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0x22, 0x5C: return "\\\(scalar)"
        // Control characters, line breaks, and what YAML has no place for as it is.
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: return String(scalar)
        }
    }
}
