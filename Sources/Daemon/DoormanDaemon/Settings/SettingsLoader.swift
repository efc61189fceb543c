internal import Configuration
internal import Foundation
internal import Yams

/// Reads the settings: flags over environment over file over defaults.
///
/// All that is wrong is found in one go, so that an operator mends it in one go: unknown keys, with the nearest known one, and
/// values that a setting does not take. A value is never repeated in a message: it may have been a secret in the wrong place.
package struct SettingsLoader {
    /// Settings, and where each value came from: `default`, a flag, an environment variable, or the file.
    package struct Loaded: Sendable {
        package var settings = DoormandSettings()
        var origins: [String: String] = [:]
    }

    /// `DOORMAN_…` variables that are not settings: the probe's, and those that Kubernetes sets in every pod beside a Service that
    /// is called `doorman`.
    private static func isForeign(_ variable: String) -> Bool {
        probeVariables.contains(variable) || variable == "DOORMAN_CONFIG" || variable == "DOORMAN_PORT"
            || variable.hasPrefix("DOORMAN_PORT_") || variable.hasPrefix("DOORMAN_SERVICE_")
    }

    private static let probeVariables: Set = [
        "DOORMAN_ADDR", "DOORMAN_TIMEOUT", "DOORMAN_TLS", "DOORMAN_CA_FILE", "DOORMAN_CERTIFICATE_FILE",
        "DOORMAN_PRIVATE_KEY_FILE", "DOORMAN_SERVER_NAME", "DOORMAN_EMULATOR",
    ]

    private static let maximumNodes = 10_000

    let arguments: [String]
    let environment: [String: String]
    let file: String?

    /// - Parameter arguments: The flags, without the program's name.
    package init(arguments: [String], environment: [String: String], file: String?) {
        self.arguments = arguments
        self.environment = environment
        self.file = file
    }

    package func load() async throws(ConfigurationError) -> Loaded {
        var problems = unknownFlags() + unknownVariables()
        var providers: [(name: String, provider: any ConfigProvider)] = [
            ("flag", CommandLineArgumentsProvider(arguments: ["doormand"] + arguments)),
            (
                "environment variable",
                EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "doorman")
            ),
        ]
        if let file {
            do {
                let values = try values(inFile: file)
                problems += unknownKeys(values.map(\.key), inFile: file)
                providers.append((file, Self.provider(of: values)))
            } catch {
                problems.append("\(file): \(Self.explain(error))")
            }
        }
        var loaded = Loaded()
        for setting in SettingsCatalogue.all {
            do throws(InvalidValueError) {
                guard let (text, origin) = try value(of: setting, in: providers) else { continue }
                try setting.apply(text, &loaded.settings)
                loaded.origins[setting.key] = origin
            } catch {
                problems.append("\(setting.key) (\(setting.flag), \(setting.environmentVariable)) \(error.expectation)")
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return loaded
    }

    private func value(
        of setting: Setting, in providers: [(name: String, provider: any ConfigProvider)]
    ) throws(InvalidValueError) -> (text: String, origin: String)? {
        let key = AbsoluteConfigKey(setting.key.split(separator: ".").map(String.init))
        for (name, provider) in providers {
            guard let text = try text(of: setting, at: key, in: provider) else { continue }
            let origin =
                switch name {
                case "flag": "flag \(setting.flag)"
                case "environment variable": "environment variable \(setting.environmentVariable)"
                default: "file \(name)"
                }
            return (text, origin)
        }
        return nil
    }

    /// The value of a list comes as one text, whether it was written so or, in a file, as a list.
    private func text(
        of setting: Setting, at key: AbsoluteConfigKey, in provider: any ConfigProvider
    ) throws(InvalidValueError) -> String? {
        if setting.isList, case .stringArray(let parts)? = try? provider.value(forKey: key, type: .stringArray).value?.content {
            return parts.joined(separator: ",")
        }
        do {
            guard case .string(let text)? = try provider.value(forKey: key, type: .string).value?.content else { return nil }
            return text
        } catch {
            throw InvalidValueError("must be given once, as one plain value")
        }
    }

    // MARK: - What nobody asked for

    private func unknownFlags() -> [String] {
        var problems: [String] = []
        var isValue = false
        for argument in arguments {
            guard argument.hasPrefix("--") else {
                if !isValue { problems.append("an argument that belongs to no flag; flags are --key value or --key=value") }
                isValue = false
                continue
            }
            let name = String(argument.prefix { $0 != "=" })
            isValue = !argument.contains("=")
            if !SettingsCatalogue.all.contains(where: { $0.flag == name }) {
                problems.append(Self.unknown("flag", name, among: SettingsCatalogue.all.map(\.flag)))
            }
        }
        return problems
    }

    private func unknownVariables() -> [String] {
        environment.keys.sorted()
            .filter { name in
                name.hasPrefix("DOORMAN_") && !Self.isForeign(name)
                    && !SettingsCatalogue.all.contains { $0.environmentVariable == name }
            }
            .map { Self.unknown("environment variable", $0, among: SettingsCatalogue.all.map(\.environmentVariable)) }
    }

    private func unknownKeys(_ keys: [String], inFile file: String) -> [String] {
        keys.filter { SettingsCatalogue.setting($0) == nil }
            .map { "\(file): " + Self.unknown("setting", $0, among: SettingsCatalogue.all.map(\.key)) }
    }

    // MARK: - The file

    private static func provider(of values: [(key: String, content: ConfigContent)]) -> InMemoryProvider {
        let pairs = values.map { key, content in
            (AbsoluteConfigKey(key.split(separator: ".").map(String.init)), ConfigValue(content, isSecret: false))
        }
        return InMemoryProvider(values: Dictionary(pairs, uniquingKeysWith: { _, last in last }))
    }

    /// What a file sets, by dotted keys. JSON is YAML, so this reads both. swift-configuration's own reader is a trait of that package,
    /// and a service whose other packages choose other traits could then not be resolved together with Doorman's client.
    private func values(inFile file: String) throws -> [(key: String, content: ConfigContent)] {
        // A pipe that has been put in its place since the start would hold up a reload without end.
        // An empty file holds no mapping either, and Foundation would lose a buffer over it.
        guard case let data = try RegularFile.read(file), !data.isEmpty, let text = String(data: data, encoding: .utf8),
            let root = try Yams.compose(yaml: text), root.mapping != nil
        else { throw CocoaError(.fileReadUnknown) }
        return try Self.values(of: root)
    }

    /// The dotted keys of all that is no mapping itself, and what they hold.
    ///
    /// - Throws: If there is more than anybody would write: by aliases of aliases, a few lines of YAML stand for millions.
    private static func values(of root: Node) throws -> [(key: String, content: ConfigContent)] {
        var values: [(key: String, content: ConfigContent)] = []
        var seen = 0
        var waiting: [(path: [String], node: Node)] = [([], root)]
        while let (path, node) = waiting.popLast() {
            seen += 1 + (node.sequence?.count ?? 0)
            guard seen <= maximumNodes else { throw CocoaError(.fileReadTooLarge) }
            let key = path.joined(separator: ".")
            if let mapping = node.mapping {
                waiting += mapping.reversed().map { (path + [$0.key.string ?? "?"], $0.value) }
            } else if let scalar = node.scalar {
                values.append((key, .string(scalar.string)))
            } else if let items = node.sequence {
                let texts = items.compactMap(\.scalar?.string)
                guard texts.count == items.count else { throw CocoaError(.fileReadUnknown) }
                values.append((key, .stringArray(texts)))
            } else {
                throw CocoaError(.fileReadUnknown)
            }
        }
        return values
    }

    static func unknown(_ kind: String, _ name: String, among known: [String]) -> String {
        "unknown \(kind) \(name)" + (nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? "")
    }

    /// The parser's own words may quote the file's text.
    static func explain(_ error: any Error) -> String {
        switch error {
        case let error as YamlError:
            switch error {
            case .parser(_, let problem, let mark, _), .scanner(_, let problem, let mark, _):
                return "line \(mark.line): \(problem)"
            case .duplicatedKeysInMapping(_, let context): return "line \(context.mark.line): a key is given twice"
            default: return "is not YAML or JSON"
            }
        default: return "can't be read as a settings file: it must be there, readable, and hold one mapping"
        }
    }
}

/// All that is wrong with the settings.
package struct ConfigurationError: Error, CustomStringConvertible {
    package let problems: [String]

    package var description: String { problems.joined(separator: "\n") }
}

/// The known key that an unknown one was most likely meant to be, by the fewest single-character edits (Levenshtein); nil for what
/// is longer than a slip of any: comparing takes time with the product of both lengths.
func nearest(to word: String, among known: some Sequence<String>) -> String? {
    guard word.utf8.count <= 256 else { return nil }
    return known.min { distance(word, $0) < distance(word, $1) }
}

private func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (index, character) in left.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in right.indices {
            let substitution = diagonal + (character == right[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substitution, diagonal + 1, row[column] + 1)
        }
    }
    return row[right.count]
}
