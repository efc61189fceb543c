/// A part of the running server whose settings can change while calls go on.
///
/// A reload prepares all components before it applies any, so that a component that fails leaves all of them as they were.
struct ReloadableComponent: Sendable {
    /// A change that is prepared and not yet applied.
    struct Step: Sendable {
        /// Keys of settings whose files have other contents than before, under the same path or another.
        var changed: [String] = []
        /// Keys of settings that change, in whole or in part, only with a restart.
        var needRestart: [String] = []
        /// Applies the change. It neither fails nor waits.
        let apply: @Sendable () -> Void
    }

    /// Keys of the settings that the component applies. Settings of no component need a restart.
    let keys: [String]
    /// Returns the paths of the files that the component reads, besides the settings file.
    let files: @Sendable (DoormandSettings) -> [String]
    /// Does all that may fail, and changes nothing. Throws ``ConfigurationError`` with all mistakes, which repeats no value.
    let prepare: @Sendable (DoormandSettings) throws(ConfigurationError) -> Step

    init(
        keys: [String], files: @escaping @Sendable (DoormandSettings) -> [String] = { _ in [] },
        prepare: @escaping @Sendable (DoormandSettings) throws(ConfigurationError) -> Step
    ) {
        self.keys = keys
        self.files = files
        self.prepare = prepare
    }

    /// Makes a component that reads no file, and that fails only where the checks of its settings do.
    init(keys: [String], apply: @escaping @Sendable (DoormandSettings) -> Void) {
        self.init(keys: keys) { settings throws(ConfigurationError) in Step { apply(settings) } }
    }
}
