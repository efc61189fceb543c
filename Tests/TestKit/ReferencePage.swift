internal import Foundation

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

    /// Checks that the generated part of the page equals the text.
    ///
    /// - Throws: ``NeverHappened`` with the next step if it does not.
    package func check(_ text: String) throws {
        let page = try String(contentsOf: url, encoding: .utf8)
        guard let begin = page.range(of: Self.begin), let end = page.range(of: Self.end) else {
            throw NeverHappened(description: "\(path) has no generated part")
        }
        let generated = "\n" + text + "\n"
        if ProcessInfo.processInfo.environment["DOORMAN_WRITE_REFERENCE"] == "1" {
            let written = page.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: generated)
            try written.write(to: url, atomically: true, encoding: .utf8)
        } else if page[begin.upperBound..<end.lowerBound] != generated {
            throw NeverHappened(description: "\(path) is not current: run Scripts/generate-reference")
        }
    }
}
