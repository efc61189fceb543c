/// Reads the settings. Flags override the environment, the environment overrides the file, and the file overrides defaults.
///
/// Loading reports all problems at once, so that an operator fixes them in one step. It rejects unknown keys and suggests the nearest
/// known key. No message repeats a value, because it may be a secret in the wrong place.
///
/// This module reads the sources itself. The readers of swift-configuration cannot reject unknown keys, notice duplicates, name the line
/// of a problem, or hold lists of mappings.
package struct SettingsLoader {
    /// Settings and their origins.
    package struct Loaded: Sendable {
        package var settings = DoormandSettings()
        /// The source of each setting that is not a default, by key: a flag, an environment variable, or the file.
        var origins: [String: String] = [:]
    }

    private let arguments: [String]
    private let environment: [String: String]
    let file: String?

    /// - Parameters:
    ///   - arguments: The flags, without the program's name.
    ///   - environment: The environment variables by name. Variables without the prefix `DOORMAN_` are ignored.
    ///   - file: The path of the settings file. `nil` for none.
    package init(arguments: [String], environment: [String: String], file: String?) {
        self.arguments = arguments
        self.environment = environment
        self.file = file
    }

    /// Loads the settings from all sources.
    ///
    /// - Throws: ``ConfigurationError`` with all problems.
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
    /// The values in the source, by the settings' keys.
    var values: [String: SourcedValue] { get }
    /// All problems except those of values, which ``Setting/apply`` finds. No problem repeats a value.
    var problems: [String] { get }
}

/// A setting's value in one source.
struct SourcedValue {
    /// The items of a list. A setting that is not a list is valid only with one text.
    let texts: [String]
    /// The source in words, such as `flag --cache-ttl`.
    let origin: String

    fileprivate func text(of setting: Setting) throws(InvalidValueError) -> String {
        guard !setting.isList else { return texts.joined(separator: ",") }
        guard texts.count == 1 else { throw InvalidValueError("must be set once, to a single value") }
        return texts[0]
    }
}

/// Settings that cannot be used.
package struct ConfigurationError: Error, CustomStringConvertible {
    /// All problems. Each is one line and repeats no value.
    package let problems: [String]

    package var description: String { problems.joined(separator: "\n") }
}
