internal import Foundation
internal import ProviderHTTP
internal import Yams

/// The file that `provider.file` names: a YAML or JSON list with a mapping for each provider.
///
///     - name: corp
///       kind: jwt
///       issuer: https://login.example.org/
///       audience: [orders-api]
///     - name: legacy
///       kind: account-kit
///       url: https://accountkit.internal.example
///       application-id: 5432154321543210
///       app-secret-file: ours.secret          # relative to this file's folder
///
/// Reading the file reports all problems at once.
struct ProviderFile {
    static let maximumProviders = 64
    static let setting = "provider.file"

    /// The providers in the file's order. Unless there are ``problems``, the list is not empty and each name is unique.
    private(set) var entries: [ProviderEntry] = []
    private(set) var problems: [String] = []
    private let folder: URL

    /// - Throws: ``ConfigurationError`` if the file cannot be read as a list. Problems of single entries are in ``problems``.
    init(_ path: String) throws(ConfigurationError) {
        let keys = ["name", "kind"] + ProviderKind.allCases.flatMap(\.keys)
        let unique = keys.enumerated().filter { keys.firstIndex(of: $1) == $0 }.map(\.element)
        let schema = ListFile.Schema(
            setting: Self.setting, entry: "provider", maximumEntries: Self.maximumProviders, keys: unique)
        let file = try ListFile(path, schema)
        folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        for entry in file.entries { add(entry) }
    }

    private mutating func add(_ listed: ListFile.Entry) {
        problems += listed.problems
        guard let nodes = listed.values else { return }
        let place = listed.name
        var values: [String: [String]] = [:]
        for (key, node) in nodes {
            guard let texts = node.texts else {
                problems.append("\(place): \(key) must be a value or a list of values")
                continue
            }
            // An empty value is taken for an absent one, and without these two a token of anyone would do.
            if ["audience", "issuer"].contains(key), texts.isEmpty || texts.contains("") {
                problems.append("\(place): \(key) must not be empty: leave out the key, or name a value")
            }
            values[key] = key.hasSuffix("-file") ? texts.map(path) : texts
        }
        guard let kind = kind(values.removeValue(forKey: "kind"), place) else { return }
        let name = values.removeValue(forKey: "name")?.first ?? kind.rawValue
        for key in values.keys.sorted() where !kind.keys.contains(key) {
            problems.append(
                "\(place): \(key) is no key of the kind \(kind.rawValue), which has \(kind.keys.joined(separator: ", "))")
        }
        if let expectation = ProviderName.problem(of: name) { problems.append("\(place): name \(expectation)") }
        if entries.contains(where: { $0.name == name }) {
            problems.append("\(place): name is already used by a provider above, or missing in both")
        }
        entries.append(
            ProviderEntry(kind: kind, name: name, keyPrefix: "\(place): ", folder: folder.path, values: values))
    }

    private mutating func kind(_ texts: [String]?, _ place: String) -> ProviderKind? {
        if let text = texts?.first, texts?.count == 1, let kind = ProviderKind(rawValue: text) { return kind }
        problems.append("\(place): kind must be one of " + ProviderKind.allCases.map(\.rawValue).joined(separator: ", "))
        return nil
    }

    /// Resolves a relative path from the file's own folder, so that the working directory doesn't matter.
    private func path(_ text: String) -> String {
        text.isEmpty ? "" : URL(fileURLWithPath: text, relativeTo: folder).path
    }
}

extension Node {
    /// The text of a scalar, or the texts of a list of scalars; `nil` for anything else.
    fileprivate var texts: [String]? {
        if let text = scalar?.string { return [text] }
        guard let sequence else { return nil }
        var texts: [String] = []
        for node in sequence {
            guard let text = node.scalar?.string else { return nil }
            texts.append(text)
        }
        return texts
    }
}
