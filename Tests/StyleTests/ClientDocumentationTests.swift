import Testing

/// Checks that the client's pages quote compiled code and describe every failure.
@Suite("Documentation of the client")
struct ClientDocumentationTests {
    @Test("every code block quotes code that is compiled")
    func quotes() {
        let sources = SourceTree.swift.filter(Self.isQuoted).map(Self.asQuoted)
        let pages = SourceTree.files.filter(Self.isPage)
        let blocks = pages.flatMap { page in page.swiftBlocks().map { (page, $0) } }
        #expect(pages.count >= 5)
        #expect(blocks.count >= 15)
        for (page, block) in blocks where !sources.contains(where: { Self.lines($0.lines, hold: block.lines) }) {
            Issue.record(
                "\(SourceTree.Finding(page, line: block.line, "no sample or snippet has this code: \(block.lines.first ?? "")"))")
        }
    }

    @Test("every reason of a failure has a row in Failures.md")
    func failures() throws {
        let page = try #require(SourceTree.files.first { $0.path.hasSuffix("DoormanClient.docc/Failures.md") })
        let source = try #require(SourceTree.swift.first { $0.path.hasSuffix("/DoormanError.swift") })
        let reasons = source.lines.flatMap { $0.matches(of: /static let (\w+) = (\w+Reason)\(/).map { "``\($0.2)/\($0.1)``" } }
        #expect(reasons.count > 20)
        for reason in reasons where !page.lines.contains(where: { $0.hasPrefix("| \(reason) |") }) {
            Issue.record("\(SourceTree.Finding(page, "there is no row for \(reason)"))")
        }
    }

    @Test("a code block is compared line by line, without its indentation")
    func comparing() {
        let code = ["func run() {", "    if true {", "        go()", "", "        stop()", "    }", "}"]
        #expect(Self.lines(code, hold: ["if true {", "    go()", "", "    stop()", "}"]))
        #expect(Self.lines(code, hold: ["go()", "", "stop()"]))
        #expect(!Self.lines(code, hold: ["go()", "stop()"]))
        #expect(!Self.lines(code, hold: ["if true {", "go()"]))
        #expect(!Self.lines(code, hold: []))
    }

    private static func isPage(_ file: SourceTree.File) -> Bool {
        file.path == "README.md" || file.path.hasPrefix("Clients/Swift/") && file.path.hasSuffix(".md")
    }

    private static func isQuoted(_ file: SourceTree.File) -> Bool {
        ["Clients/Swift/Tests/DocumentationTests/", "Clients/Swift/Samples/"].contains { file.path.hasPrefix($0) }
    }

    /// Returns the file as pages quote it. A reader's package is next to the checkout, but a sample is inside.
    private static func asQuoted(_ file: SourceTree.File) -> SourceTree.File {
        guard file.name == "Package.swift" else { return file }
        let text = file.lines.map { $0.replacing("path: \"../../../..\"", with: "path: \"../doorman\"") }.joined(separator: "\n")
        return SourceTree.File(path: file.path, text: text)
    }

    private static func lines(_ code: [String], hold block: [String]) -> Bool {
        guard let first = block.first else { return false }
        return code.indices.contains { start in
            guard start + block.count <= code.count, code[start].hasSuffix(first) else { return false }
            let indentation = code[start].dropLast(first.count)
            guard indentation.allSatisfy({ $0 == " " }) else { return false }
            return zip(code[start...], block).allSatisfy { $0 == ($1.isEmpty ? "" : indentation + $1) }
        }
    }
}

extension SourceTree.File {
    /// Returns the fenced blocks of Swift, each with the number of its first line.
    func swiftBlocks() -> [(line: Int, lines: [String])] {
        var blocks: [(line: Int, lines: [String])] = []
        var isInside = false
        for (index, line) in lines.enumerated() {
            if isInside {
                if line == "```" { isInside = false } else { blocks[blocks.count - 1].lines.append(line) }
            } else if line == "```swift" {
                isInside = true
                blocks.append((index + 2, []))
            }
        }
        return blocks
    }
}
