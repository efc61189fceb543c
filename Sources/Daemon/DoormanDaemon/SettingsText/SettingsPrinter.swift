internal import DoormanSupport

/// Formats the settings as a file that ``SettingsLoader`` reads, each with its origin. The file holds paths of secrets, never secrets. It
/// does not hold the queries of URLs, either: they must be completed before the file can be read.
package enum SettingsPrinter {
    package static func text(_ loaded: SettingsLoader.Loaded) -> String {
        var file = SettingsFileWriter()
        for setting in SettingsCatalogue.all {
            let origin = loaded.origins[setting.key]
            file.add(
                setting, setting.show(loaded.settings), comment: origin ?? "default",
                isCommentedOut: origin == nil && setting.isOnlyValidWithOthers)
        }
        return file.text
    }
}

/// Formats a settings file with a line for each setting, nested by the parts of the keys.
struct SettingsFileWriter {
    private(set) var lines: [String] = []
    /// The mappings that are open at the end.
    private var mappings: [Substring] = []

    var text: String { lines.joined(separator: "\n") }

    /// Adds lines of comment at the depth of the current mapping.
    mutating func addComment(_ lines: [String]) {
        self.lines += lines
    }

    /// Opens the mapping of a setting. Settings of one mapping follow each other.
    ///
    /// - Returns: The indentation of the setting.
    @discardableResult
    mutating func open(_ setting: Setting) -> String {
        let parts = setting.key.split(separator: ".")
        // Mappings that contain the previous key too are already open.
        let shared = zip(mappings, parts.dropLast()).prefix { $0 == $1 }.count
        for (depth, name) in parts.dropLast().enumerated().dropFirst(shared) { lines.append("\(Self.indentation(depth))\(name):") }
        mappings = parts.dropLast()
        return Self.indentation(mappings.count)
    }

    /// - Parameter isCommentedOut: Whether the line is a comment, so that the setting keeps its default.
    mutating func add(_ setting: Setting, _ value: String, comment: String? = nil, isCommentedOut: Bool) {
        let indentation = open(setting)
        let name = setting.key.split(separator: ".").last ?? ""
        let needsQuotes = setting.form == .mode
        let text = needsQuotes ? Self.inQuotes(value) : Self.quoted(value)
        lines.append("\(indentation)\(isCommentedOut ? "# " : "")\(name): \(text)" + (comment.map { "  # \($0)" } ?? ""))
    }

    private static func indentation(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    /// Quotes a value unless every YAML reader takes it for plain text. See YAML 1.2, sections 5.7 and 7.3.1.
    private static func quoted(_ value: String) -> String {
        let needsNoQuotes =
            !value.isEmpty
            && value.utf8.allSatisfy { byte in
                byte.isASCIIAlphanumeric || byte == 0x2E || byte == 0x2F || byte == 0x25 && value.first != "%"
            }
        return needsNoQuotes ? value : inQuotes(value)
    }

    private static func inQuotes(_ value: String) -> String {
        // A quotation mark with a combining accent is one character, but its scalar still ends the text.
        "\"" + value.unicodeScalars.map(escaped).joined() + "\""
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

extension Setting {
    /// Whether even the default value needs another setting if it is written explicitly.
    var isOnlyValidWithOthers: Bool { key == "tls.client-auth" }
}
