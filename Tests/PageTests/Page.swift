import Foundation
import Testing

/// A page of the documentation, as the examples on it.
///
/// A block fenced as `sh` is a script, a block fenced as `console` is commands after `$ ` with their output. The line before a fence may
/// be a comment: `<!-- file: NAME -->` has the block written into the folder in which the examples run, `<!-- not run: REASON -->` takes
/// it out, and `<!-- needs: PROGRAM -->` does unless the program is installed.
struct Page: Sendable, CustomTestStringConvertible {
    enum Example: Sendable, Equatable {
        case script([String])
        case console([Command])
        case file(name: String, [String])
    }

    /// A command with the lines of output that begin with a program's name: its errors.
    struct Command: Sendable, Equatable {
        let text: String
        var errors: [String] = []
    }

    struct Block: Sendable {
        /// The line of the fence, from 1.
        let line: Int
        let language: String
        /// The comment on the line before, without its brackets; empty without a comment.
        let note: String
        var lines: [String] = []

        /// The example in the block; `nil` for text and for a block that is not run.
        var example: Example? {
            if let name = note.dropping("file: ") { return .file(name: name, lines) }
            if lacksProgram { return nil }
            if isNotRun { return nil }
            switch language {
            case "sh": return .script(lines)
            case "console": return .console(commands)
            default: return nil
            }
        }

        /// Whether the page says why the block is not run, or the block needs a program that is not installed.
        var isNotRun: Bool { note.dropping("not run: ") != nil || lacksProgram }

        private var lacksProgram: Bool {
            note.dropping("needs: ").map { !FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0) } ?? false
        }

        private var commands: [Command] {
            var commands: [Command] = []
            for line in lines {
                if let text = line.dropping("$ ") {
                    commands.append(Command(text: text))
                } else if line.hasPrefix("doorman: ") || line.hasPrefix("doormand: "), !commands.isEmpty {
                    commands[commands.count - 1].errors.append(line)
                }
            }
            return commands
        }
    }

    /// The path from the root of the repository.
    let path: String
    let blocks: [Block]

    var testDescription: String { path }

    init(path: String, text: String) {
        self.path = path
        var blocks: [Block] = []
        var isInside = false
        var previous = ""
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            if isInside, line == "```" {
                isInside = false
            } else if isInside {
                blocks[blocks.count - 1].lines.append(line)
            } else if let language = line.dropping("```") {
                let note = previous.dropping("<!-- ").flatMap { $0.hasSuffix(" -->") ? String($0.dropLast(4)) : nil }
                blocks.append(Block(line: index + 1, language: language, note: note ?? ""))
                isInside = true
            }
            previous = line
        }
        self.blocks = blocks
    }

    /// The pages with examples: those in the root, all of `docs`, and those of the client and of tests.
    static let all: [Page] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardized
        let found = ["docs", "Clients", "Tests"].flatMap { folder in
            let files = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            return (files?.compactMap { $0 as? String } ?? []).map { "\(folder)/\($0)" }
        }
        let pages = found.filter { $0.hasSuffix(".md") && !$0.contains("/.build") }.sorted()
        let paths = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "Protos/README.md"] + pages
        return paths.compactMap { path in
            (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)).map { Page(path: path, text: $0) }
        }
    }()
}

extension String {
    /// Returns the text after a prefix; `nil` without that prefix.
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
