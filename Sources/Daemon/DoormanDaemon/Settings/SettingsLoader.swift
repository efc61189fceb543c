/// Reads the settings. Flags override the environment, the environment overrides the file, and the file overrides defaults.
///
/// All mistakes are found in one go, so that an operator mends them in one go: unknown keys, with the nearest known key, and values
/// that a setting does not take. No message repeats a value: it may be a secret in the wrong place.
///
/// The sources are read by this module itself. The readers of swift-configuration can't refuse unknown keys, notice duplicates,
/// name the line of a mistake, or hold lists of mappings.
package struct SettingsLoader {
    /// Settings, and the origin of each: a flag, an environment variable, or the file. Defaults have none.
    package struct Loaded: Sendable {
        package var settings = DoormandSettings()
        var origins: [String: String] = [:]
    }

    private let arguments: [String]
    private let environment: [String: String]
    let file: String?

    /// - Parameters:
    ///   - arguments: The flags, without the program's name.
    ///   - file: The path of the settings file; `nil` for none.
    package init(arguments: [String], environment: [String: String], file: String?) {
        self.arguments = arguments
        self.environment = environment
        self.file = file
    }

    /// - Throws: ``ConfigurationError`` with all mistakes.
    package func load() throws(ConfigurationError) -> Loaded {
        var sources: [any SettingsSource] = [FlagSource(arguments), EnvironmentSource(environment)]
        if let file { sources.append(FileSource(file)) }
        var problems = sources.flatMap(\.problems)
        var loaded = Loaded()
        for setting in SettingsCatalogue.all {
            guard let value = sources.lazy.compactMap({ $0.values[setting.key] }).first else { continue }
            do throws(InvalidValueError) {
                try setting.apply(value.text(of: setting), &loaded.settings)
                loaded.origins[setting.key] = value.origin
            } catch {
                problems.append("\(setting.key) (\(setting.flag), \(setting.environmentVariable)) \(error.expectation)")
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return loaded
    }
}

/// A source of settings: the flags, the environment, or the file.
protocol SettingsSource {
    /// The values that the source has, by the settings' keys.
    var values: [String: SourcedValue] { get }
    /// All mistakes but those of values. None repeats a value.
    var problems: [String] { get }
}

/// A setting's value in one source.
struct SourcedValue {
    /// The items of a list; of another setting a single text, unless the source has none or several.
    let texts: [String]
    let origin: String

    fileprivate func text(of setting: Setting) throws(InvalidValueError) -> String {
        guard !setting.isList else { return texts.joined(separator: ",") }
        guard texts.count == 1 else { throw InvalidValueError("must be given once, as one plain value") }
        return texts[0]
    }
}

/// All mistakes in the settings, a line each. No line repeats a value.
package struct ConfigurationError: Error, CustomStringConvertible {
    package let problems: [String]

    package var description: String { problems.joined(separator: "\n") }
}
