import Testing

@testable import DoormanDaemon

@Suite("The settings in the help")
struct SettingsHelpTests {
    private func flags(in help: String) -> Set<String> {
        Set(help.split(separator: "\n").filter { $0.hasPrefix("  --") }.map { String($0.dropFirst(2).prefix { $0 != " " }) })
    }

    @Test("the help shows the settings that most operators look at, and counts the others")
    func tiers() {
        let shown = SettingsCatalogue.all.filter { $0.tier != .expert }
        #expect(flags(in: SettingsHelp.text) == Set(shown.map(\.flag) + ["--help-all"]))
        #expect((30...50).contains(shown.count))
        #expect(SettingsHelp.text.contains("Shows \(SettingsCatalogue.all.count - shown.count) more settings"))
    }

    @Test("the help of all settings has each setting once")
    func all() {
        #expect(flags(in: SettingsHelp.fullText) == Set(SettingsCatalogue.all.map(\.flag)))
        for setting in SettingsCatalogue.all {
            #expect(SettingsHelp.fullText.split(separator: "\n").count { $0.hasPrefix("  \(setting.flag) (") } == 1)
        }
    }

    @Test("settings without which doormand does not start come first", arguments: [SettingsHelp.text, SettingsHelp.fullText])
    func order(help: String) {
        let lines = help.split(separator: "\n")
        #expect(lines.first == "SETTINGS TO SET FIRST")
        #expect(lines.dropFirst().first?.hasPrefix("  --provider-kind") == true)
    }

    @Test("no line is wider than 80 columns", arguments: [SettingsHelp.text, SettingsHelp.fullText])
    func width(help: String) {
        for line in help.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }
}
