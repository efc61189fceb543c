internal import Foundation
internal import Yams

/// The file that `account-kit.applications-file` names: a list in YAML or JSON, a mapping for each application.
///
///     - id: 5432154321543210
///       secret-file: first.secret             # from this file's folder
///       next-secret-file: first.next.secret   # while the secret is changed
///       api-version: v1.3
///       accept-answers-without-application: false
///
/// All that is wrong is found in one go. No value is repeated: it may be a secret in the wrong place.
struct ApplicationsFile {
    static let maximumApplications = 64
    private static let maximumBytes = 1 << 20
    private static let setting = "account-kit.applications-file"
    private static let keys = ["id", "secret-file", "next-secret-file", "api-version", "accept-answers-without-application"]

    /// In their order. At least one, each with an id of its own, unless there are problems.
    private(set) var entries: [ApplicationEntry] = []
    private(set) var problems: [String] = []
    private let folder: URL
    private let apiVersion: String

    /// - Parameter apiVersion: That of the applications that name none.
    /// - Throws: ``BadSettings`` if the file can't be read as a list. What is wrong with its entries is in ``problems``.
    init(_ path: String, apiVersion: String) throws(BadSettings) {
        let setting = Self.setting
        let url = URL(fileURLWithPath: path)
        guard let data = try? RegularFile.read(path) else { throw BadSettings(problems: ["\(setting): the file can't be read"]) }
        guard data.count <= Self.maximumBytes, let text = String(data: data, encoding: .utf8) else {
            throw BadSettings(problems: ["\(setting): the file is no text of at most 1 MiB"])
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw BadSettings(problems: ["\(setting): \(SettingsLoader.explain(error))"])
        }
        guard let list = root?.sequence, (1...Self.maximumApplications).contains(list.count) else {
            throw BadSettings(problems: ["\(setting): the file must be a list of 1 to \(Self.maximumApplications) applications"])
        }
        folder = url.deletingLastPathComponent()
        self.apiVersion = apiVersion
        for (index, node) in list.enumerated() { add(node, number: index + 1) }
    }

    private mutating func add(_ node: Node, number: Int) {
        let name = "\(Self.setting), application \(number)"
        guard let mapping = node.mapping else {
            problems.append("\(name): must be a mapping of \(Self.keys.joined(separator: ", "))")
            return
        }
        var entry = ApplicationEntry(
            apiVersion: apiVersion, name: name, keyPrefix: "\(name): ", secretKey: "secret-file",
            nextSecretKey: "next-secret-file")
        for (key, value) in mapping {
            guard let key = key.scalar?.string, Self.keys.contains(key) else {
                problems.append("\(name): " + SettingsLoader.unknown("key", key.scalar?.string ?? "?", among: Self.keys))
                continue
            }
            guard let text = value.scalar?.string else {
                problems.append("\(name): \(key): must be one plain value")
                continue
            }
            set(key, to: text, in: &entry)
        }
        if !entry.id.isEmpty, entries.contains(where: { $0.id == entry.id }) {
            problems.append("\(name): id is that of an application above")
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
            do throws(BadValue) {
                entry.acceptsAnswersWithoutApplication = try Units.flag(text)
            } catch {
                problems.append("\(entry.name): \(key) \(error.expectation)")
            }
        }
    }

    /// A relative path is taken from the file's own folder, wherever `doormand` was started.
    private func path(_ text: String) -> String {
        text.isEmpty ? "" : URL(fileURLWithPath: text, relativeTo: folder).path
    }
}
