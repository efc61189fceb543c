/// The settings in the program's help, for a width of 80 columns. Lines of capitals are headings, also of the manual page.
package enum SettingsHelp {
    /// The settings that most operators look at.
    package static var text: String {
        let hidden = SettingsCatalogue.all.count { $0.tier == .expert }
        return sections(of: SettingsCatalogue.all.filter { $0.tier != .expert })
            + "\n\nMORE SETTINGS\n  --help-all\n"
            + wrapped("Shows \(hidden) more settings, whose defaults are right for nearly every service.")
    }

    /// All settings.
    package static var fullText: String { sections(of: SettingsCatalogue.all) }

    private static func sections(of settings: [Setting]) -> String {
        var groups: [(heading: String, settings: [Setting])] = [
            ("SETTINGS TO SET FIRST", settings.filter { $0.tier == .mustSet })
        ]
        for setting in settings where setting.tier != .mustSet {
            let heading = String(setting.group.uppercased().map { $0 == "-" ? " " : $0 }) + " SETTINGS"
            if groups.last?.heading != heading { groups.append((heading, [])) }
            groups[groups.count - 1].settings.append(setting)
        }
        return groups.map { $0.heading + "\n" + $0.settings.map(entry).joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private static func entry(_ setting: Setting) -> String {
        let value = setting.defaultText.isEmpty ? "none" : setting.defaultText
        return "  \(setting.flag) (\(value)\(setting.tier == .expert ? ", expert" : ""))\n" + wrapped(setting.summary)
    }

    /// Wraps a summary and indents every line. The argument parser would not indent the lines that it wraps.
    private static func wrapped(_ summary: String) -> String {
        WrappedText.lines(summary, prefix: "      ").joined(separator: "\n")
    }
}

/// Breaks text into lines at its spaces.
enum WrappedText {
    /// The argument parser wraps lines of 80 columns.
    private static let columns = 79

    /// - Parameter prefix: The beginning of every line.
    static func lines(_ text: String, prefix: String) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= columns {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(prefix + word)
            }
        }
        return lines
    }
}
