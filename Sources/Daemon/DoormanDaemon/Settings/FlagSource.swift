/// The settings in the program's arguments: `--cache-ttl 60s` or `--cache-ttl=60s`. A Boolean has a value, too.
struct FlagSource: SettingsSource {
    private static let settings = Dictionary(uniqueKeysWithValues: SettingsCatalogue.all.map { ($0.flag, $0) })

    private(set) var values: [String: SourcedValue] = [:]
    private(set) var problems: [String] = []

    /// - Parameter arguments: The arguments, without the program's name.
    init(_ arguments: [String]) {
        var texts: [String: [String]] = [:]
        // The flag that takes the next argument as its value.
        var open: String?
        for argument in arguments {
            if argument.hasPrefix("--") {
                let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                let flag = parts[0]
                if Self.settings[flag] == nil {
                    problems.append(UnknownName.message("flag", flag, among: SettingsCatalogue.all.map(\.flag)))
                }
                texts[flag, default: []] += parts.dropFirst().flatMap(Self.split)
                open = parts.count == 1 ? flag : nil
            } else if let flag = open {
                texts[flag, default: []] += Self.split(argument)
                open = nil
            } else {
                problems.append("an argument that belongs to no flag; flags are --key value or --key=value")
            }
        }
        for (flag, texts) in texts {
            guard let setting = Self.settings[flag] else { continue }
            values[setting.key] = SourcedValue(texts: texts, origin: "flag \(flag)")
        }
    }

    /// Commas separate values in every flag: a setting that is no list takes none.
    private static func split(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}
