/// Formats the settings as a file that ``SettingsLoader`` reads, each with its origin. The file holds paths of secrets, never secrets.
package enum SettingsPrinter {
    package static func text(_ loaded: SettingsLoader.Loaded) -> String {
        var lines: [String] = []
        var mappings: [Substring] = []
        for setting in SettingsCatalogue.all {
            let parts = setting.key.split(separator: ".")
            // Mappings that contain the previous key too are already open.
            let shared = zip(mappings, parts.dropLast()).prefix { $0 == $1 }.count
            for (depth, name) in parts.dropLast().enumerated().dropFirst(shared) { lines.append("\(indentation(depth))\(name):") }
            mappings = parts.dropLast()
            let value = setting.read(loaded.settings)
            let origin = loaded.origins[setting.key]
            // Written explicitly, this value needs authorities. A default is not written.
            let prefix = origin == nil && setting.key == "tls.client-auth" ? "# " : ""
            lines.append(
                "\(indentation(mappings.count))\(prefix)\(parts[mappings.count]): \(quoted(value))  # \(origin ?? "default")")
        }
        return lines.joined(separator: "\n")
    }

    private static func indentation(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    /// Quotes a value unless every YAML reader takes it for plain text. See YAML 1.2, sections 5.7 and 7.3.1.
    private static func quoted(_ value: String) -> String {
        let needsNoQuotes =
            !value.isEmpty
            && value.utf8.allSatisfy { byte in
                byte.isASCIIAlphanumeric || byte == 0x2E || byte == 0x2F || byte == 0x25 && value.first != "%"
            }
        guard !needsNoQuotes else { return value }
        // A quotation mark with a combining accent is one character, but its scalar still ends the text.
        return "\"" + value.unicodeScalars.map(escaped).joined() + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0x22, 0x5C: return "\\\(scalar)"
        // Control characters, line breaks, and characters that YAML does not allow unescaped.
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: return String(scalar)
        }
    }
}
