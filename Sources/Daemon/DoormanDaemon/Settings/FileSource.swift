internal import Foundation
internal import Yams

/// The settings in a YAML file: `ttl` under `cache`, or `cache.ttl`. JSON is YAML, so JSON files are read, too.
struct FileSource: SettingsSource {
    /// The file is not one mapping of readable size.
    private struct UnreadableError: Error {}

    private static let maximumNodes = 10_000

    private(set) var values: [String: SourcedValue] = [:]
    private(set) var problems: [String] = []

    init(_ path: String) {
        do {
            for (key, node) in try Self.leaves(of: Self.mapping(inFile: path)) { add(node, as: key, inFile: path) }
        } catch let error as YamlError {
            problems = ["\(path): \(error.summary)"]
        } catch {
            problems = ["\(path): can't be read as a settings file: it must be there, readable, and hold one mapping"]
        }
    }

    private mutating func add(_ node: Node, as key: String, inFile path: String) {
        guard let setting = SettingsCatalogue.setting(key) else {
            problems.append("\(path): " + UnknownName.message("setting", key, among: SettingsCatalogue.all.map(\.key)))
            return
        }
        // As `cache.ttl`, and as `ttl` under `cache`.
        guard values[key] == nil else { return problems.append("\(path): \(key) is given twice") }
        let items = setting.isList ? node.sequence?.compactMap(\.scalar?.string) : nil
        values[key] = SourcedValue(texts: items ?? node.scalar.map { [$0.string] } ?? [], origin: "file \(path)")
    }

    private static func mapping(inFile path: String) throws -> Node {
        // A pipe that has taken the file's place since the start would block a reload.
        let data = try RegularFile.read(path)
        guard !data.isEmpty, let text = String(data: data, encoding: .utf8), let root = try Yams.compose(yaml: text),
            root.mapping != nil
        else { throw UnreadableError() }
        return root
    }

    /// Returns all values that are no mappings, with their dotted keys, in the file's order.
    ///
    /// - Throws: ``UnreadableError`` for a list of anything but plain values, and for too many values: with aliases of aliases, a few
    ///   lines of YAML stand for millions.
    private static func leaves(of root: Node) throws(UnreadableError) -> [(key: String, node: Node)] {
        var leaves: [(key: String, node: Node)] = []
        var seen = 0
        var waiting: [(path: [String], node: Node)] = [([], root)]
        while let (path, node) = waiting.popLast() {
            seen += 1 + (node.sequence?.count ?? 0)
            guard seen <= maximumNodes else { throw UnreadableError() }
            if let mapping = node.mapping {
                waiting += mapping.reversed().map { (path + [$0.key.string ?? "?"], $0.value) }
            } else {
                let isPlain = node.scalar != nil || node.sequence?.allSatisfy { $0.scalar != nil } == true
                guard isPlain else { throw UnreadableError() }
                leaves.append((path.joined(separator: "."), node))
            }
        }
        return leaves
    }
}

extension YamlError {
    /// The mistake and its line, without the file's text: that may be a secret in the wrong place.
    var summary: String {
        switch self {
        case .parser(_, let problem, let mark, _), .scanner(_, let problem, let mark, _): "line \(mark.line): \(problem)"
        case .duplicatedKeysInMapping(_, let context): "line \(context.mark.line): a key is given twice"
        default: "is not YAML or JSON"
        }
    }
}
