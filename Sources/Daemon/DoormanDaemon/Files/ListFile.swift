internal import DoormanFiles
internal import Yams

/// A file that a setting names: a YAML or JSON list of mappings with known keys. No message repeats a value, because it may be a secret
/// in the wrong place.
struct ListFile {
    /// The expected contents of a setting's file.
    struct Schema {
        /// The setting that names the file.
        let setting: String
        /// The name of an entry in messages, in the singular.
        let entry: String
        let maximumEntries: Int
        let keys: [String]
    }

    /// An entry of the list.
    struct Entry {
        /// The number of the entry, starting at 1.
        let number: Int
        /// The prefix of messages about the entry: the setting, the entry's number and its line.
        let name: String
        /// The values of known keys, in the file's order. `nil` if the entry is not a mapping.
        let values: [(key: String, node: Node)]?
        /// The problems that were found before any value is read.
        let problems: [String]
    }

    private static let maximumBytes = 1 << 20

    /// The entries of the list. Never empty.
    let entries: [Entry]

    /// - Throws: ``ConfigurationError`` if the file cannot be read as a list. Problems of an entry are in its `problems`.
    init(_ path: String, _ schema: Schema) throws(ConfigurationError) {
        let setting = schema.setting
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(path, limit: Self.maximumBytes)
        } catch {
            throw ConfigurationError(problems: [UnreadableFile.problem(of: setting, path, error)])
        }
        guard bytes.count <= Self.maximumBytes, let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(problems: [
                "\(setting): the file must be UTF-8 text of at most 1 MiB\(UnreadableFile.suffix(path))"
            ])
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            let summary = (error as? YamlError)?.summary ?? YamlError.unknownSummary
            throw ConfigurationError(problems: ["\(setting): \(summary)\(UnreadableFile.suffix(path))"])
        }
        guard let list = root?.sequence, (1...schema.maximumEntries).contains(list.count) else {
            throw ConfigurationError(problems: [
                "\(setting): the file must be a list of 1 to \(schema.maximumEntries) \(schema.entry)s\(UnreadableFile.suffix(path))"
            ])
        }
        entries = list.enumerated().map { Entry($1, number: $0 + 1, schema) }
    }
}

extension ListFile.Entry {
    fileprivate init(_ node: Node, number: Int, _ schema: ListFile.Schema) {
        self.number = number
        let name = "\(schema.setting), \(schema.entry) \(number)" + (node.mark.map { ", line \($0.line)" } ?? "")
        self.name = name
        guard let mapping = node.mapping else {
            values = nil
            problems = ["\(name): must be a mapping with the keys \(schema.keys.joined(separator: ", "))"]
            return
        }
        var values: [(key: String, node: Node)] = []
        var problems: [String] = []
        for (key, node) in mapping {
            if let key = key.scalar?.string, schema.keys.contains(key) {
                values.append((key, node))
            } else {
                let key = key.scalar?.string ?? "?"
                problems.append("\(name): " + UnknownName.message("key", key, among: schema.keys) + UnknownName.hint(forKey: key))
            }
        }
        self.values = values
        self.problems = problems
    }
}
