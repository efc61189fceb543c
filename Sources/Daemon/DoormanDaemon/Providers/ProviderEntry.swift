internal import DoormanSupport

/// The texts of one provider, from the settings or from an entry of `provider.file`.
///
/// Reading a value notes its problem. No problem repeats a value, because it may be a secret in the wrong place.
struct ProviderEntry: Sendable {
    let kind: ProviderKind
    let name: String
    /// The beginning of messages about one key: `jwt.`, or the file, the entry's number and its line.
    let keyPrefix: String
    /// The folder from which relative paths were resolved; `nil` for the working directory.
    let folder: String?
    /// The values by key. A single value is a list of one. Paths are resolved. Empty values are absent.
    let values: [String: [String]]
    private(set) var problems: [String] = []

    init(kind: ProviderKind, name: String, keyPrefix: String, folder: String? = nil, values: [String: [String]]) {
        self.kind = kind
        self.name = name
        self.keyPrefix = keyPrefix
        self.folder = folder
        self.values = values.filter { !$0.value.isEmpty && $0.value != [""] }
    }

    /// The values that only the owner of the provider's cached tokens may keep: all but the paths of secrets.
    var traits: [String: [String]] {
        var traits = values.filter { !$0.key.hasSuffix("-file") }
        traits["name"] = [name]
        traits["kind"] = [kind.rawValue]
        return traits
    }

    mutating func note(_ key: String, _ expectation: String) {
        let problem = "\(keyPrefix)\(key) \(expectation)"
        if !problems.contains(problem) { problems.append(problem) }
    }

    mutating func note(_ error: ConfigurationError) {
        problems += error.problems.filter { !problems.contains($0) }
    }

    /// Notes each required key without a value.
    mutating func requireKeys() {
        for key in kind.requiredKeys where values[key] == nil {
            note(key, "is required for a provider of the kind \(kind.rawValue)")
        }
    }

    /// Returns a single value; `nil` if it is absent.
    mutating func text(_ key: String) -> String? {
        guard let values = values[key] else { return nil }
        guard values.count == 1 else {
            note(key, "must be a single value")
            return nil
        }
        return values[0]
    }

    /// Returns the items of a list; empty if it is absent. Commas separate items, too, as in a flag.
    func list(_ key: String) -> [String] {
        let values = values[key] ?? []
        guard values.count == 1 else { return values }
        return values[0].split(separator: ",").map { $0.trimming(while: { $0 == " " }) }
    }

    /// Returns the value that a function parses; `nil` if it is absent or malformed.
    mutating func value<Value>(
        _ key: String, _ parse: (String) throws(InvalidValueError) -> Value
    ) -> Value? {
        guard let text = text(key) else { return nil }
        do throws(InvalidValueError) {
            return try parse(text)
        } catch {
            note(key, error.expectation)
            return nil
        }
    }

    /// Returns one of a few words; `nil` if it is absent or another.
    mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(_ key: String, _ type: Choice.Type) -> Choice? {
        choice(key, among: Array(Choice.allCases))
    }

    mutating func choice<Choice: RawRepresentable<String>>(_ key: String, among choices: [Choice]) -> Choice? {
        value(key) { text throws(InvalidValueError) in
            guard let choice = choices.first(where: { $0.rawValue == text }) else {
                throw InvalidValueError("must be one of " + choices.map(\.rawValue).joined(separator: ", "))
            }
            return choice
        }
    }

    /// Returns the contents of the files with the secret and the next one, as far as both are set. At the end of a rotation both files may
    /// hold the same secret.
    mutating func secrets(_ key: String, next nextKey: String) -> [String] {
        var secrets: [String] = []
        for key in [key, nextKey] {
            guard let secret = secret(key), !secrets.contains(secret) else { continue }
            secrets.append(secret)
        }
        if values[key] == nil, values[nextKey] != nil { note(nextKey, "needs \(key), which is missing") }
        return secrets
    }

    /// Returns the content of a file with a secret; `nil` if the key is absent or the file can't be read.
    mutating func secret(_ key: String) -> String? {
        guard let path = text(key) else { return nil }
        do throws(ConfigurationError) {
            return try SecretFile.read(path, in: folder, for: keyPrefix + key)
        } catch {
            note(error)
            return nil
        }
    }

    /// The keys that name files with secrets, and the files' paths.
    var secretFiles: [SecretFile.Named] {
        values.filter { $0.key.hasSuffix("-file") && $0.value.count == 1 }
            .map { SecretFile.Named(setting: keyPrefix + $0.key, path: $0.value[0]) }
            .sorted { $0.setting < $1.setting }
    }
}

extension Substring {
    fileprivate func trimming(while condition: (Character) -> Bool) -> String {
        let start = drop(while: condition)
        return String(start.reversed().drop(while: condition).reversed())
    }
}
