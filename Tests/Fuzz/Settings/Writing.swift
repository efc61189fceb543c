internal import FuzzKit
internal import Yams

@testable import DoormanDaemon

/// Reads a text as each kind of text that an operator writes, and checks the result.
enum Writing {
    /// A secret in the wrong position. No message repeats it, unless it is part of a name.
    static let secret = "PLANTED"

    private static let folder = ScratchFolder()

    static func readSettings(_ text: [UInt8]) {
        let path = folder.write(text, to: "settings.yaml")
        let loader = SettingsLoader(arguments: [], environment: [:], file: path)
        // Checks printing for files only, which can contain every value, because it is slow.
        if case .success(let loaded) = result(loader) { checkPrinting(loaded) }
        check(load(loader), names: { names(in: text) })
    }

    static func readProviders(_ text: [UInt8]) {
        let path = folder.write(text, to: "providers.yaml")
        var settings = DoormandSettings()
        settings.providerFile = path
        do throws(ConfigurationError) {
            let providers = try settings.providers()
            require(!providers.isEmpty, "a valid file has a provider")
            require(Set(providers.map(\.name)).count == providers.count, "every provider has a unique name")
            require(providers.allSatisfy { $0.secrets.count <= 2 }, "a provider has at most two secrets")
        } catch {
            check(error.problems, names: { names(in: text) })
        }
    }

    static func readFlags(_ text: [UInt8]) {
        let arguments = lines(of: text)
        let problems = load(SettingsLoader(arguments: arguments, environment: [:], file: nil))
        check(
            problems,
            names: {
                arguments.filter { $0.hasPrefix("-") }.map(name)
                    + arguments.filter { $0.contains("/") }
            })
    }

    static func readEnvironment(_ text: [UInt8]) {
        let variables = lines(of: text).map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
        let environment = Dictionary(
            variables.map { (String($0[0]), $0.count > 1 ? String($0[1]) : "") }, uniquingKeysWith: { first, _ in first })
        let problems = load(SettingsLoader(arguments: [], environment: environment, file: nil))
        check(problems, names: { environment.keys.map(name) + environment.values.filter(isPath) })
    }

    /// Reads a value for every setting, without a source: a source takes a hundred times as long.
    static func readValue(_ text: [UInt8]) {
        let text = String(decoding: text, as: UTF8.self)
        for setting in SettingsCatalogue.all { read(text, as: setting) }
    }

    private static func read(_ text: String, as setting: Setting) {
        var settings = DoormandSettings()
        do throws(InvalidValueError) {
            try setting.apply(text, &settings)
            let written = setting.read(settings)
            try setting.apply(written, &settings)
            require(setting.read(settings) == written, "a value survives printing and parsing")
        } catch {
            require(setting.read(settings) == setting.defaultText, "a printed value can be parsed")
        }
        // A secret may begin or end with a valid value.
        for text in [text + secret, secret + text] {
            do throws(InvalidValueError) { try setting.apply(text, &settings) } catch { check([error.expectation], names: { [] }) }
        }
    }

    /// Loads the settings and all that starting with them would check.
    ///
    /// - Returns: The problems.
    private static func load(_ loader: SettingsLoader) -> [String] {
        switch result(loader) {
        case .failure(let error): return error.problems
        case .success(let loaded):
            do throws(ConfigurationError) {
                try start(with: loaded.settings)
                return []
            } catch {
                return error.problems
            }
        }
    }

    /// Does what `--check-config` does once the settings are read.
    private static func start(with settings: DoormandSettings) throws(ConfigurationError) {
        try Daemon.check(settings)
    }

    private static func result(_ loader: SettingsLoader) -> Result<SettingsLoader.Loaded, ConfigurationError> {
        do throws(ConfigurationError) { return .success(try loader.load()) } catch { return .failure(error) }
    }

    // MARK: - Rules

    /// Checks that the printed settings read back as the same, unless they lack the query of a URL.
    private static func checkPrinting(_ loaded: SettingsLoader.Loaded) {
        let path = folder.write(Array(SettingsPrinter.text(loaded).utf8), to: "printed.yaml")
        let isComplete = SettingsCatalogue.all.allSatisfy { $0.show(loaded.settings) == $0.read(loaded.settings) }
        guard case .success(let again) = result(SettingsLoader(arguments: [], environment: [:], file: path)) else {
            return require(!isComplete, "printed settings can be parsed")
        }
        require(isComplete, "a URL without its query is no setting")
        for setting in SettingsCatalogue.all {
            require(setting.read(again.settings) == setting.read(loaded.settings), "\(setting.key) survives printing")
        }
    }

    private static func check(_ problems: [String], names: () -> [String]) {
        for problem in problems where problem.contains(secret) {
            require(names().contains { $0.contains(secret) }, "no message repeats a value: \(problem)")
        }
    }

    private static func lines(of text: [UInt8]) -> [String] {
        text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Messages repeat absolute paths on purpose.
    private static func isPath(_ text: String) -> Bool { text.hasPrefix("/") }

    /// Returns all names and absolute paths in a YAML text: messages repeat them on purpose.
    private static func names(in text: [UInt8]) -> [String] {
        do {
            return try Yams.compose(yaml: String(decoding: text, as: UTF8.self)).map(names(in:)) ?? []
        } catch YamlError.duplicatedKeysInMapping(let keys, _) {
            return keys.map(name)
        } catch {
            return []
        }
    }

    private static func names(in node: Node) -> [String] {
        if let mapping = node.mapping { return mapping.flatMap { [name($0.key.string ?? "")] + names(in: $0.value) } }
        return node.sequence.map { $0.flatMap(names(in:)) } ?? [node.string ?? ""].filter(isPath)
    }

    /// Returns the part of a key that messages repeat. What follows may be a value, if the space after a colon was forgotten.
    private static func name(_ key: String) -> String {
        String(key.prefix { $0.isLetter || $0.isNumber || "._-".contains($0) })
    }
}
