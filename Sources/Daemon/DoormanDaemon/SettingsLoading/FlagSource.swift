/// The settings in the program's arguments: `--cache-ttl 60s` or `--cache-ttl=60s`. A Boolean needs a value too.
struct FlagSource: SettingsSource {
    private static let settings = Dictionary(uniqueKeysWithValues: SettingsCatalogue.all.map { ($0.flag, $0) })

    private(set) var values: [String: SourcedValue] = [:]
    private(set) var problems: [String] = []

    /// - Parameter arguments: The arguments, without the program's name.
    init(_ arguments: [String]) {
        var texts: [String: [String]] = [:]
        // The flag that expects the next argument as its value.
        var pendingFlag: String?
        for argument in arguments {
            if argument.hasPrefix("--") || argument.hasPrefix("-") && pendingFlag == nil {
                let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                let flag = parts[0]
                if Self.settings[flag] == nil { problems.append(UnknownName.message(flag: flag)) }
                texts[flag, default: []] += parts.dropFirst().flatMap(Self.split)
                pendingFlag = parts.count == 1 ? flag : nil
            } else if let flag = pendingFlag {
                texts[flag, default: []] += Self.split(argument)
                pendingFlag = nil
            } else {
                problems.append(
                    "unexpected argument: write a setting as --key value or --key=value, and the settings file as --config FILE")
            }
        }
        for (flag, texts) in texts {
            guard let setting = Self.settings[flag] else { continue }
            values[setting.key] = SourcedValue(texts: texts, origin: "flag \(flag)")
            // A value that is missing or one too many is a mistake of the command line, not of the value.
            if !setting.isList, texts.count != 1 { problems.append("\(setting.names) \(SourcedValue.notSingle.expectation)") }
        }
    }

    /// Splits a value at its commas. Only settings that are lists accept more than one value.
    private static func split(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}
