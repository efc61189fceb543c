internal import Foundation
internal import Yams

/// A file that a setting names: a list in YAML or JSON, of mappings with known keys. No message repeats a value: it may be a secret in
/// the wrong place.
struct ListFile {
    /// The expected form of a setting's file.
    struct Form {
        /// The setting that names the file.
        let setting: String
        /// The word for a mapping of the list, in the singular.
        let entry: String
        let maximumEntries: Int
        let keys: [String]
    }

    /// A mapping of the list.
    struct Entry {
        /// From 1.
        let number: Int
        /// The setting and the entry, with which messages begin.
        let name: String
        /// The values of known keys, in the file's order; `nil` if the entry is no mapping.
        let values: [(key: String, node: Node)]?
        /// The mistakes found before any value is read.
        let problems: [String]
    }

    private static let maximumBytes = 1 << 20

    /// At least one.
    let entries: [Entry]

    /// - Throws: ``ConfigurationError`` if the file can't be read as a list. Mistakes in an entry are in its `problems`.
    init(_ path: String, _ form: Form) throws(ConfigurationError) {
        let setting = form.setting
        guard let data = try? RegularFile.read(path) else {
            throw ConfigurationError(problems: ["\(setting): the file can't be read"])
        }
        guard data.count <= Self.maximumBytes, let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(problems: ["\(setting): the file is no text of at most 1 MiB"])
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            let summary = (error as? YamlError)?.summary ?? "is not YAML or JSON"
            throw ConfigurationError(problems: ["\(setting): \(summary)"])
        }
        guard let list = root?.sequence, (1...form.maximumEntries).contains(list.count) else {
            throw ConfigurationError(problems: ["\(setting): the file must be a list of 1 to \(form.maximumEntries) \(form.entry)s"]
            )
        }
        entries = list.enumerated().map { Entry($1, number: $0 + 1, form) }
    }
}

extension ListFile.Entry {
    fileprivate init(_ node: Node, number: Int, _ form: ListFile.Form) {
        self.number = number
        let name = "\(form.setting), \(form.entry) \(number)"
        self.name = name
        guard let mapping = node.mapping else {
            values = nil
            problems = ["\(name): must be a mapping of \(form.keys.joined(separator: ", "))"]
            return
        }
        var values: [(key: String, node: Node)] = []
        var problems: [String] = []
        for (key, node) in mapping {
            if let key = key.scalar?.string, form.keys.contains(key) {
                values.append((key, node))
            } else {
                problems.append("\(name): " + UnknownName.message("key", key.scalar?.string ?? "?", among: form.keys))
            }
        }
        self.values = values
        self.problems = problems
    }
}
