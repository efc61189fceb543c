internal import DoormanFiles
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
        static let nestedList = MalformedFileError(problem: "the settings file holds a list of anything but single values")
    }

    private static let maximumNodes = 10_000
    private static let maximumBytes = 1 << 20

    private(set) var values: [String: SourcedValue] = [:]
    private(set) var problems: [String] = []

    init(_ path: String) {
        do {
            for (key, node) in try Self.leaves(of: Self.mapping(inFile: path)) { add(node, as: key, inFile: path) }
        } catch let error as YamlError {
            problems = ["\(path): \(error.summary)"]
        } catch let error as FileAccessError {
            problems = ["\(path): cannot read the settings file: \(error.cause)"]
        } catch {
            problems = ["\(path): \((error as? MalformedFileError)?.problem ?? YamlError.unknownSummary)"]
        }
    }

    private mutating func add(_ node: Node, as key: String, inFile path: String) {
        guard let setting = SettingsCatalogue.setting(key) else {
            problems.append("\(path): " + UnknownName.message("setting", key, among: SettingsCatalogue.all.map(\.key)))
            return
        }
        // A file may hold both `cache.ttl`, and `ttl` under `cache`.
        guard values[key] == nil else { return problems.append("\(path): \(key) is set twice") }
        let items = setting.isList ? node.sequence?.compactMap(\.scalar?.string) : nil
        // Without this, null would be the path of a file of that name.
        let text = node.scalar.map { [.any, .plain].contains($0.style) && node.null != nil ? "" : $0.string }
        values[key] = SourcedValue(texts: items ?? text.map { [$0] } ?? [], origin: "file \(path)")
    }

    private static func mapping(inFile path: String) throws -> Node {
        let bytes = try RegularFile.read(path, limit: maximumBytes)
        guard bytes.count <= maximumBytes else { throw MalformedFileError.tooLong }
        guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self), let root = try Yams.compose(yaml: text),
            root.mapping != nil
        else { throw MalformedFileError.noMapping }
        return root
    }

    /// Returns all values except mappings, with their dotted keys, in the file's order.
    ///
    /// - Throws: ``MalformedFileError`` for a nested list, and for too many values: with aliases of aliases, a few lines of YAML expand
    ///   to millions of values.
    private static func leaves(of root: Node) throws(MalformedFileError) -> [(key: String, node: Node)] {
        var leaves: [(key: String, node: Node)] = []
        var visited = 0
        var pending: [(path: [String], node: Node)] = [([], root)]
        while let (path, node) = pending.popLast() {
            visited += 1 + (node.sequence?.count ?? 0)
            guard visited <= maximumNodes else { throw .tooManyValues }
            if let mapping = node.mapping {
                pending += mapping.reversed().map { (path + [$0.key.string ?? "?"], $0.value) }
            } else {
                let isLeaf = node.scalar != nil || node.sequence?.allSatisfy { $0.scalar != nil } == true
                guard isLeaf else { throw .nestedList }
                leaves.append((path.joined(separator: "."), node))
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
        case .duplicatedKeysInMapping(_, let context): "line \(context.mark.line): a key is set twice"
        default: Self.unknownSummary
        }
    }
}
