import Foundation

/// The files of this package, as the style tests see them.
struct SourceTree {
    /// A file, with its path from the package's root.
    struct File {
        let path: String
        let lines: [String]

        init(path: String, text: String) {
            self.path = path
            self.lines = text.components(separatedBy: "\n")
        }

        var name: String { path.components(separatedBy: "/").last ?? path }
        var isSwift: Bool { path.hasSuffix(".swift") }
        var isScript: Bool { path.hasPrefix("Scripts/") || path.hasPrefix(".ci/") }
        var isGenerated: Bool {
            ["Sources/C/CDoormanProtos/", "Protos/vectors/", "Tests/Fuzz/Corpus/"].contains { path.hasPrefix($0) }
        }

        /// The target that a source file belongs to. `nil` for tests and other files.
        var module: String? { SourceTree.modules.first { path.hasPrefix($0.key + "/") }?.value }
    }

    /// A violation of a rule, in the form that editors and terminals link to.
    struct Finding: CustomStringConvertible {
        let path: String
        let line: Int
        let message: String

        init(_ file: File, line: Int = 1, _ message: String) {
            self.path = file.path
            self.line = line
            self.message = message
        }

        var description: String { "\(path):\(line): \(message)" }
    }

    /// All text files except build products, dependencies and files of git.
    static let files: [File] = {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        guard let walk = FileManager.default.enumerator(atPath: root.path) else { return [] }
        var files: [File] = []
        while let path = walk.nextObject() as? String {
            let name = path.components(separatedBy: "/").last ?? path
            if isForeign(name) {
                walk.skipDescendants()
            } else if let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) {
                files.append(File(path: path, text: text))
            }
        }
        return files.sorted { $0.path < $1.path }
    }()

    /// The targets of libraries and programs by their folders, from the manifest.
    static let modules: [String: String] = {
        guard let manifest = files.first(where: { $0.path == "Package.swift" }) else { return [:] }
        let found = manifest.lines.joined(separator: "\n").matches(of: /(module|program)\(\s*"([\w-]+)", in: "([^"]+)"/).map {
            ("\($0.3)/\($0.2)", String($0.2))
        }
        return Dictionary(uniqueKeysWithValues: found).filter { !$0.key.hasPrefix("Tests/") }
    }()

    static var swift: [File] { files.filter(\.isSwift) }

    /// Returns whether the file belongs to git or to a tool. Git ignores most of these files, too.
    private static func isForeign(_ name: String) -> Bool {
        [".git", ".swiftpm", "Package.resolved"].contains(name) || name.hasPrefix(".build") || name.hasSuffix(".xcodeproj")
    }
}

extension SourceTree.File {
    /// Returns the lines that contain a match of the pattern, each with the match.
    func matches(_ pattern: String) throws -> [(line: Int, text: String)] {
        let expression = try NSRegularExpression(pattern: pattern)
        return lines.enumerated().compactMap { index, line in
            let range = NSRange(line.startIndex..., in: line)
            guard let match = expression.firstMatch(in: line, range: range), let found = Range(match.range, in: line) else {
                return nil
            }
            return (index + 1, String(line[found]))
        }
    }
}
