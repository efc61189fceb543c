/// A part of the running server that accepts new settings without a restart.
///
/// A reload prepares all components before it applies any. If one component fails, none of them changes.
struct ReloadableComponent: Sendable {
    /// A prepared change that is not applied yet.
    struct Step: Sendable {
        /// The keys of settings whose files have new contents, under the same path or another.
        var changed: [String] = []
        /// The keys of settings that change, in whole or in part, only with a restart.
        var needRestart: [String] = []
        /// Applies the change. It cannot fail and does not wait.
        let apply: @Sendable () -> Void
    }

    /// The keys of the settings that the component applies. A setting without a component needs a restart.
    let keys: [String]
    /// Returns the paths of the files that the component reads, besides the settings file.
    let files: @Sendable (DoormandSettings) -> [String]
    /// Performs every step that can fail, without changing anything. Throws ``ConfigurationError`` with all problems.
    let prepare: @Sendable (DoormandSettings) throws(ConfigurationError) -> Step

    init(
        keys: [String], files: @escaping @Sendable (DoormandSettings) -> [String] = { _ in [] },
        prepare: @escaping @Sendable (DoormandSettings) throws(ConfigurationError) -> Step
    ) {
        self.keys = keys
        self.files = files
        self.prepare = prepare
    }

    /// Creates a component that reads no file and cannot fail.
    init(keys: [String], apply: @escaping @Sendable (DoormandSettings) -> Void) {
        self.init(keys: keys) { settings throws(ConfigurationError) in Step { apply(settings) } }
    }
}
