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

    /// Returns the path of the settings file.
    ///
    /// - Parameter flags: The values of `--config`.
    /// - Throws: ``ConfigurationError`` for an empty path: without its file, a server would lack the protections in it.
    package static func file(flags: [String], environment: [String: String]) throws(ConfigurationError) -> String? {
        guard flags.count < 2 else {
            throw ConfigurationError(problems: ["--config must be set once: doormand reads one settings file"], isWrongUse: true)
        }
        if flags.first?.isEmpty == true {
            throw ConfigurationError(problems: ["--config must not be empty: write the path of a settings file"], isWrongUse: true)
        }
        let file = flags.first ?? environment["DOORMAN_CONFIG"]
        guard file?.isEmpty != true else {
            throw ConfigurationError(problems: [
                "DOORMAN_CONFIG must not be empty: write the path of a settings file, or unset the variable"
            ])
        }
        return file
    }

    /// Loads the settings from all sources.
    ///
    /// - Throws: ``ConfigurationError`` with all problems.
    package func load() throws(ConfigurationError) -> Loaded {
        let flags = FlagSource(arguments)
        var sources: [any SettingsSource] = [flags, EnvironmentSource(environment)]
        if let file { sources.append(FileSource(file)) }
        var problems = sources.flatMap(\.problems)
        var loaded = Loaded()
        for setting in SettingsCatalogue.all {
            guard let value = sources.lazy.compactMap({ $0.values[setting.key] }).first else { continue }
            do throws(InvalidValueError) {
                try setting.apply(value.text(of: setting), &loaded.settings)
                loaded.origins[setting.key] = value.origin
            } catch {
                let name = value.place.map { "\($0): \(setting.key)" } ?? setting.names
                let problem = "\(name) \(error.expectation)"
                if !problems.contains(problem) { problems.append(problem) }
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems, isWrongUse: !flags.problems.isEmpty) }
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
    /// The position in the file, such as `/etc/doormand.yaml: line 3`. `nil` for flags and the environment.
    let place: String?

    /// The error of a setting that is not a list, with no value or with several.
    static let notSingle = InvalidValueError("must be set once, to a single value")

    init(texts: [String], origin: String, place: String? = nil) {
        self.texts = texts
        self.origin = origin
        self.place = place
    }

    fileprivate func text(of setting: Setting) throws(InvalidValueError) -> String {
        guard !setting.isList else { return texts.joined(separator: ",") }
        guard texts.count == 1 else { throw Self.notSingle }
        return texts[0]
    }
}

/// Settings that cannot be used.
package struct ConfigurationError: Error, CustomStringConvertible {
    /// All problems. Each is one line and repeats no value.
    package let problems: [String]
    /// Whether the command line itself is invalid, and not only a value.
    package let isWrongUse: Bool

    init(problems: [String], isWrongUse: Bool = false) {
        self.problems = problems
        self.isWrongUse = isWrongUse
    }

    package var description: String { problems.joined(separator: "\n") }
}
