/// A settings file with every setting, its meaning and its default, for operators to start with. It loads as the defaults.
package enum ExampleConfiguration {
    package static var text: String {
        var file = SettingsFileWriter()
        file.addComment(head)
        // The settings of the provider come first, because only they have no default that works.
        let groups = Dictionary(grouping: SettingsCatalogue.all, by: \.group)
        var order: [Substring] = []
        for setting in SettingsCatalogue.all where !order.contains(setting.group) { order.append(setting.group) }
        order = order.filter { hasSettingToSet(groups[$0]) } + order.filter { !hasSettingToSet(groups[$0]) }
        for setting in order.flatMap({ groups[$0] ?? [] }) { add(setting, to: &file) }
        return file.text
    }

    private static let head = [
        "# Settings of doormand, with their defaults.",
        "#",
        "# Set the provider that knows the tokens: one by the settings of jwt,",
        "# introspection, facebook-login or account-kit, or several by provider.file.",
        "# doormand does not start without one.",
        "# Then check the file with: doormand --config FILE --check-config",
        "#",
        "# Delete what you don't change. A missing setting has its default, and a later",
        "# version may have a better one.",
    ]

    private static func hasSettingToSet(_ settings: [Setting]?) -> Bool {
        settings?.contains { $0.tier == .mustSet } == true
    }

    private static func add(_ setting: Setting, to file: inout SettingsFileWriter) {
        file.addComment([""])
        let prefix = file.open(setting) + "# "
        let tier =
            switch setting.tier {
            case .mustSet: "Set this first. "
            case .tune: ""
            case .expert: "Expert. "
            }
        file.addComment(WrappedText.lines(tier + setting.summary, prefix: prefix))
        file.add(setting, setting.defaultText, isCommentedOut: setting.isOnlyValidWithOthers)
    }
}
