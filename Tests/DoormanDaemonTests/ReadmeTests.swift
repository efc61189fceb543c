import Foundation
import Testing

@testable import DoormanDaemon

@Suite("The README")
struct ReadmeTests {
    @Test("its table of settings is the catalogue: key, default and meaning")
    func settingsTable() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let begin = try #require(readme.range(of: "<!-- settings: begin -->\n"))
        let end = try #require(readme.range(of: "<!-- settings: end -->"))
        let rows = readme[begin.upperBound..<end.lowerBound].split(separator: "\n").dropFirst(2).map(String.init)
        let expected = SettingsCatalogue.all.map { setting in
            "| `\(setting.key)` | \(setting.defaultText.isEmpty ? "–" : "`\(setting.defaultText)`") | \(setting.summary) |"
        }
        #expect(rows == expected)
    }
}
