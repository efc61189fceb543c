import Foundation
import Testing

/// The files of `docs/examples` and `deploy/prometheus` that other programs read. `Scripts/gateways` and the suites for gateways, callers
/// and monitoring run these files, so a page must show them as they are.
@Suite("The files that pages show")
struct ShownFileTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        .standardized

    struct ShownFile: Sendable, CustomTestStringConvertible {
        let path: String
        let lines: [String]

        var name: String { path.components(separatedBy: "/").last ?? path }
        var testDescription: String { path }
    }

    private static let files: [ShownFile] =
        ["docs/examples/gateways", "docs/examples/callers"].flatMap(files(in:))
        + [file("deploy/prometheus/prometheus.yaml")].compactMap(\.self)

    private static func files(in folder: String) -> [ShownFile] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)) ?? []
        return names.sorted().compactMap { file(folder + "/" + $0) }
    }

    private static func file(_ path: String) -> ShownFile? {
        guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        return ShownFile(path: path, lines: lines)
    }

    @Test("a page shows each file as it is", arguments: files)
    func shown(file: ShownFile) {
        let shown = Page.all.flatMap { page in
            page.blocks.compactMap { block -> (place: String, lines: [String])? in
                guard case .file(file.name, let lines)? = block.example else { return nil }
                return ("\(page.path):\(block.line)", lines)
            }
        }
        #expect(!shown.isEmpty, "\(file.path) is on no page")
        for (place, lines) in shown { #expect(lines == file.lines, "\(place) differs from \(file.path)") }
    }

    @Test("every file that a page about gateways shows is one of the files")
    func complete() {
        let names = Set(Self.files.map(\.name))
        for page in Page.all where page.path.hasPrefix("docs/how-to/gateways/") {
            for block in page.blocks {
                guard case .file(let name, _)? = block.example else { continue }
                #expect(names.contains(name), "\(page.path):\(block.line): \(name) is not in docs/examples/gateways")
            }
        }
    }
}
