internal import Foundation
internal import Yams

/// The file that `account-kit.applications-file` names: a YAML or JSON list with a mapping for each application.
///
///     - id: 5432154321543210
///       secret-file: first.secret             # relative to this file's folder
///       next-secret-file: first.next.secret   # during a rotation
///       api-version: v1.3
///       accept-answers-without-application: false
///
/// Reading the file reports all problems at once.
struct ApplicationsFile {
    static let maximumApplications = 64
    private static let setting = "account-kit.applications-file"
    private static let keys = ["id", "secret-file", "next-secret-file", "api-version", "accept-answers-without-application"]

    /// The applications in the file's order. Unless there are ``problems``, the list is not empty and each id is unique.
    private(set) var entries: [ApplicationEntry] = []
    private(set) var problems: [String] = []
    private let folder: URL
    private let apiVersion: String

    /// - Parameter apiVersion: The API version of applications that set none.
    /// - Throws: ``ConfigurationError`` if the file cannot be read as a list. Problems of single entries are in ``problems``.
    init(_ path: String, apiVersion: String) throws(ConfigurationError) {
        let schema = ListFile.Schema(
            setting: Self.setting, entry: "application", maximumEntries: Self.maximumApplications, keys: Self.keys)
        let file = try ListFile(path, schema)
        folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        self.apiVersion = apiVersion
        for entry in file.entries { add(entry) }
    }

    private mutating func add(_ application: ListFile.Entry) {
        problems += application.problems
        guard let values = application.values else { return }
        let name = application.name
        var entry = ApplicationEntry(
            apiVersion: apiVersion, name: name, keyPrefix: "\(name): ", idKey: "id", secretKey: "secret-file",
            nextSecretKey: "next-secret-file")
        entry.folder = folder.path
        for (key, node) in values {
            guard let text = node.scalar?.string else {
                problems.append("\(name): \(key) must be a single value")
                continue
            }
            set(key, to: text, in: &entry)
        }
        if !entry.id.isEmpty, entries.contains(where: { $0.id == entry.id }) {
            problems.append("\(name): id is already used by an application above")
        }
        entries.append(entry)
    }

    private mutating func set(_ key: String, to text: String, in entry: inout ApplicationEntry) {
        switch key {
        case "id": entry.id = text
        case "secret-file": entry.secretFile = path(text)
        case "next-secret-file": entry.nextSecretFile = path(text)
        case "api-version": entry.apiVersion = text
        default:
            do throws(InvalidValueError) {
                entry.acceptsAnswersWithoutApplication = try Units.flag(text)
            } catch {
                problems.append("\(entry.name): \(key) \(error.expectation)")
            }
        }
    }

    /// Resolves a relative path from the file's own folder, so that the working directory doesn't matter.
    private func path(_ text: String) -> String {
        text.isEmpty ? "" : URL(fileURLWithPath: text, relativeTo: folder).path
    }
}
