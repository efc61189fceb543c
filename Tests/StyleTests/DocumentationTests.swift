import Foundation
import Testing

@Suite("The documentation")
struct DocumentationTests {
    private static var pages: [SourceTree.File] { SourceTree.files.filter { $0.path.hasSuffix(".md") } }

    @Test("the README is read in a few minutes: it has at most 200 lines")
    func length() throws {
        let readme = try #require(Self.pages.first { $0.path == "README.md" })
        #expect(readme.lines.count <= 200)
    }

    @Test("every link leads to a file or a heading")
    func links() throws {
        let links = Self.pages.flatMap { page in Self.links(in: page).map { (page, $0) } }
        #expect(links.count > 100)
        for (page, link) in links where !Self.leadsSomewhere(link.target, from: page) {
            Issue.record("\(SourceTree.Finding(page, line: link.line, "\(link.target) leads nowhere"))")
        }
    }

    @Test("no file holds both sides of a merge")
    func merged() {
        let markers = ["<", ">"].map { String(repeating: $0, count: 7) + " " }
        for file in SourceTree.files {
            for (index, line) in file.lines.enumerated() where markers.contains(where: { line.hasPrefix($0) }) {
                Issue.record("\(SourceTree.Finding(file, line: index + 1, "a conflict of a merge is left"))")
            }
        }
    }

    @Test("every page of docs is in its index")
    func index() throws {
        let index = try #require(Self.pages.first { $0.path == "docs/README.md" })
        let linked = Set(Self.links(in: index).map { Self.resolved($0.target, from: index).path })
        for page in Self.pages where page.path.hasPrefix("docs/") && page.path != index.path {
            #expect(linked.contains(page.path), "\(page.path) is not in \(index.path)")
        }
    }

    @Test("links are found in the text, but not in code")
    func parsing() {
        let page = SourceTree.File(path: "docs/a.md", text: "[a](b.md), `[c](d)`\n```\n[e](f)\n```\n[g](../h.md#i-j)")
        #expect(Self.links(in: page).map(\.target) == ["b.md", "../h.md#i-j"])
        #expect(Self.resolved("../h.md#i-j", from: page) == (path: "h.md", heading: "i-j"))
        #expect(Self.resolved("#k", from: page) == (path: "docs/a.md", heading: "k"))
        #expect(Self.anchor("## TLS and mTLS: `a_b`, (c)") == "tls-and-mtls-a_b-c")
    }

    private static func links(in page: SourceTree.File) -> [(line: Int, target: String)] {
        var links: [(line: Int, target: String)] = []
        var isCode = false
        for (index, line) in page.lines.enumerated() {
            if line.hasPrefix("```") { isCode.toggle() }
            if isCode { continue }
            let text = line.replacing(/`[^`]*`/, with: "")
            links += text.matches(of: /\]\(([^)\s]+)\)/).map { (index + 1, String($0.1)) }
        }
        return links.filter { !$0.target.contains("://") && !$0.target.hasPrefix("mailto:") }
    }

    private static func resolved(_ target: String, from page: SourceTree.File) -> (path: String, heading: String?) {
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var folders = page.path.split(separator: "/").dropLast().map(String.init)
        for part in parts[0].split(separator: "/").map(String.init) {
            switch part {
            case ".": break
            case "..": folders = folders.dropLast()
            default: folders.append(part)
            }
        }
        return (parts[0].isEmpty ? page.path : folders.joined(separator: "/"), parts.count > 1 ? parts[1] : nil)
    }

    private static func leadsSomewhere(_ target: String, from page: SourceTree.File) -> Bool {
        let (path, heading) = resolved(target, from: page)
        guard let file = SourceTree.files.first(where: { $0.path == path }) else {
            return heading == nil && SourceTree.files.contains { $0.path.hasPrefix(path + "/") }
        }
        guard let heading else { return true }
        return file.lines.contains { $0.hasPrefix("#") && anchor($0) == heading }
    }

    /// The anchor of a heading, as GitHub makes it.
    private static func anchor(_ heading: String) -> String {
        let text = heading.drop { $0 == "#" || $0 == " " }.lowercased()
        return String(text.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.map { $0 == " " ? "-" : $0 })
    }
}
