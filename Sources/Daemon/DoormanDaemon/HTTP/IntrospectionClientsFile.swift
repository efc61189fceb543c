internal import DoormanHTTP
internal import Yams

/// The file that `http.introspection-clients-file` names: a YAML or JSON list with a mapping for each client.
///
///     - client-id: orders-api
///       client-secret: …
///
/// No message repeats a value.
struct IntrospectionClientsFile {
    static let setting = "http.introspection-clients-file"
    private static let maximumClients = 256
    private static let keys = ["client-id", "client-secret"]

    private(set) var problems: [String] = []
    private var secrets: [String: [UInt8]] = [:]

    /// The file's clients. Valid only if ``problems`` is empty.
    var value: IntrospectionClients { IntrospectionClients(secrets) }

    /// - Throws: ``ConfigurationError`` if the file cannot be read as a list. Problems of single clients are in ``problems``.
    init(_ path: String) throws(ConfigurationError) {
        let schema = ListFile.Schema(
            setting: Self.setting, entry: "client", maximumEntries: Self.maximumClients, keys: Self.keys)
        for entry in try ListFile(path, schema).entries { add(entry) }
    }

    private mutating func add(_ entry: ListFile.Entry) {
        problems += entry.problems
        guard let values = entry.values else { return }
        var texts: [String: String] = [:]
        for (key, node) in values { texts[key] = node.scalar?.string ?? "" }
        for key in Self.keys where !(1...1024).contains(texts[key]?.utf8.count ?? 0) {
            problems.append("\(entry.name): \(key) must be a text of 1 to 1024 bytes")
        }
        guard let id = texts["client-id"], let secret = texts["client-secret"] else { return }
        if secrets.updateValue(Array(secret.utf8), forKey: id) != nil {
            problems.append("\(entry.name): client-id is already used by a client above")
        }
    }
}
