internal import Foundation
package import Testing

/// A documentation page with a generated part, between `<!-- generated: begin -->` and `<!-- generated: end -->`.
///
/// A test compares the generated part. With `DOORMAN_WRITE_REFERENCE=1` in the environment it writes the part, which
/// `Scripts/generate-reference` does.
package struct ReferencePage {
    private static let begin = "<!-- generated: begin -->\n"
    private static let end = "<!-- generated: end -->\n"

    private let path: String
    private let url: URL

    /// - Parameter path: The page's path, relative to the root of the repository.
    package init(_ path: String) {
        self.path = path
        url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../\(path)")
    }

    /// Expects the generated part of the page to equal the text.
    package func expect(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let page = try String(contentsOf: url, encoding: .utf8)
        let begin = try #require(page.range(of: Self.begin), "\(path) has no generated part", sourceLocation: sourceLocation)
        let end = try #require(page.range(of: Self.end), "\(path) has no end of its generated part", sourceLocation: sourceLocation)
        let generated = "\n" + text + "\n"
        if ProcessInfo.processInfo.environment["DOORMAN_WRITE_REFERENCE"] == "1" {
            let written = page.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: generated)
            try written.write(to: url, atomically: true, encoding: .utf8)
        } else {
            let isCurrent = page[begin.upperBound..<end.lowerBound] == generated
            #expect(isCurrent, "\(path) is not current: run Scripts/generate-reference", sourceLocation: sourceLocation)
        }
    }
}
