internal import DoormanFiles
internal import DoormanSupport
internal import Yams

/// The settings in a YAML file: `ttl` under `cache`, or `cache.ttl`. JSON files work too, because JSON is YAML.
struct FileSource: SettingsSource {
    /// The file does not hold settings.
    private struct MalformedFileError: Error {
        let problem: String

        static let noMapping = MalformedFileError(
            problem: "the settings file must be a YAML or JSON mapping, for example cache: {ttl: 60s}")
        static let tooManyValues = MalformedFileError(
            problem: "the settings file holds more than \(FileSource.maximumNodes) values")
        static let tooLong = MalformedFileError(problem: "the settings file is longer than 1 MiB")
        static func nestedList(_ line: Int) -> MalformedFileError {
            MalformedFileError(problem: "line \(line): the settings file holds a list of anything but single values")
        }
    }

    /// A value with its dotted key.
    private struct Leaf {
        let key: String
        let node: Node
        /// The line of the key, from 1. 0 if unknown.
        let line: Int
    }

    private static let maximumNodes = 10_000
    private static let maximumBytes = 1 << 20

    private(set) var values: [String: SourcedValue] = [:]
    private(set) var problems: [String] = []
    /// The line of each setting that the file holds.
    private var lines: [String: Int] = [:]

    init(_ path: String) {
        do {
            for leaf in try Self.leaves(of: Self.mapping(inFile: path)) { add(leaf, inFile: path) }
        } catch let error as YamlError {
            problems = ["\(path): \(error.summary)"]
        } catch let error as FileAccessError {
            problems = [UnreadableFile.problem(of: "settings file", path, error)]
        } catch {
            problems = ["\(path): \((error as? MalformedFileError)?.problem ?? YamlError.unknownSummary)"]
        }
    }

    private mutating func add(_ leaf: Leaf, inFile path: String) {
        let (key, node) = (leaf.key, leaf.node)
        let place = "\(path): line \(leaf.line)"
        let isNull = node.scalar.map { [.any, .plain].contains($0.style) && node.null != nil } ?? false
        guard let setting = SettingsCatalogue.setting(key) else {
            // The lines of a group may all be comments.
            let isGroup = Self.isGroup(key)
            if isGroup, isNull || node.mapping != nil { return }
            let problem =
                isGroup
                ? "\(key) is a group of settings: write their names below it, for example \(key): {NAME: VALUE}"
                : Self.problem(ofUnknown: key)
            return problems.append("\(place): \(problem)")
        }
        // A file may hold both `cache.ttl`, and `ttl` under `cache`.
        if let first = lines[key] {
            return problems.append("\(path): lines \(first) and \(leaf.line): \(key) is set twice")
        }
        lines[key] = leaf.line
        guard node.mapping == nil else {
            return problems.append("\(place): \(key) needs a value: it holds an empty mapping, {}")
        }
        // Null is an absent value. Without this, null would be the path of a file of that name.
        guard !isNull || setting.form.mustNotBeEmpty else { return }
        let items = setting.isList ? node.sequence?.compactMap(\.scalar?.string) : nil
        let text = node.scalar.map { isNull ? "" : $0.string }
        values[key] = SourcedValue(texts: items ?? text.map { [$0] } ?? [], origin: "file \(path)", place: place)
    }

    private static func isGroup(_ key: String) -> Bool { SettingsCatalogue.all.contains { $0.key.hasPrefix(key + ".") } }

    /// Returns the problem of a key that is neither a setting nor a group. A secret may be a name below a setting, as in
    /// `app-secret: {VALUE}`, so that the message ends at the first part that is unknown or has no parts.
    private static func problem(ofUnknown key: String) -> String {
        let ends = key.indices.filter { key[$0] == "." } + [key.endIndex]
        let name = ends.lazy.map { String(key[..<$0]) }.first { !isGroup($0) } ?? key
        guard SettingsCatalogue.setting(name) == nil else { return "\(name) needs a value: it holds a mapping" }
        return UnknownName.message("setting", name, spelling: \.key) + UnknownName.hint(forKey: name)
    }

    private static func mapping(inFile path: String) throws -> Node {
        let bytes = try RegularFile.read(path, limit: maximumBytes)
        guard bytes.count <= maximumBytes else { throw MalformedFileError.tooLong }
        guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self), let root = try Yams.compose(yaml: text),
            root.mapping != nil
        else { throw MalformedFileError.noMapping }
        return root
    }

    /// Returns all values except mappings that hold any, with their dotted keys, in the file's order. An empty mapping is a value: the name
    /// before it may be unknown, or that of a setting that must not be lost.
    ///
    /// - Throws: ``MalformedFileError`` for a nested list, and for too many values: with aliases of aliases, a few lines of YAML expand
    ///   to millions of values.
    private static func leaves(of root: Node) throws(MalformedFileError) -> [Leaf] {
        var leaves: [Leaf] = []
        var visited = 0
        var pending: [(path: [String], node: Node, line: Int)] = [([], root, 1)]
        while let (path, node, line) = pending.popLast() {
            visited += 1 + (node.sequence?.count ?? 0)
            guard visited <= maximumNodes else { throw .tooManyValues }
            if let mapping = node.mapping, !mapping.isEmpty || path.isEmpty {
                pending += mapping.reversed().map { (path + [$0.key.string ?? "?"], $0.value, $0.key.mark?.line ?? line) }
            } else {
                let isLeaf = node.scalar != nil || node.mapping != nil || node.sequence?.allSatisfy { $0.scalar != nil } == true
                guard isLeaf else { throw .nestedList(line) }
                leaves.append(Leaf(key: path.joined(separator: "."), node: node, line: line))
            }
        }
        return leaves
    }
}

extension YamlError {
    static let unknownSummary = "the file is not YAML or JSON"

    /// The problem and its line. The text of the file is left out, because it may be a secret in the wrong place.
    var summary: String {
        switch self {
        case .parser(_, let problem, let mark, _), .scanner(_, let problem, let mark, _): "line \(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            "line \(context.mark.line): the key \(EchoedText.name(keys.first ?? "?")) is set twice"
        default: Self.unknownSummary
        }
    }
}
