import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Reference page of settings")
struct ReferencePageTests {
    @Test("the page lists every setting with its default and meaning")
    func settings() throws {
        try ReferencePage("docs/reference/settings.md").check(Self.tables)
    }

    private static var tables: String {
        groups.map { name, settings in
            let rows = settings.map { setting in
                "| `\(setting.key)` | \(setting.defaultText.isEmpty ? "–" : "`\(setting.defaultText)`") | \(Self.tier(setting)) | "
                    + "\(setting.summary) |"
            }
            return "## \(name)\n\n| setting | default | tier | meaning |\n|---|---|---|---|\n" + rows.joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }

    private static func tier(_ setting: Setting) -> String {
        switch setting.tier {
        case .mustSet: "must set"
        case .tune: "tune"
        case .expert: "expert"
        }
    }

    /// The settings, grouped by the first part of their keys, in the catalogue's order.
    private static var groups: [(name: Substring, settings: [Setting])] {
        var groups: [(name: Substring, settings: [Setting])] = []
        for setting in SettingsCatalogue.all {
            let name = setting.key.prefix { $0 != "." }
            if groups.last?.name != name { groups.append((name, [])) }
            groups[groups.count - 1].settings.append(setting)
        }
        return groups
    }
}
