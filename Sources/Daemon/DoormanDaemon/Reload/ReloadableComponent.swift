/// Something of the running server that other settings can be put into force for, while calls go on.
///
/// A reload prepares all pieces before it applies any, so one that can't be had leaves all of them as they were.
struct ReloadableComponent: Sendable {
    /// What is prepared, and not yet in force.
    struct Step: Sendable {
        /// Keys of settings whose files hold something else than before, whether or not they are called the same.
        var changed: [String] = []
        /// Keys of settings of which something stays as it was until a restart.
        var needRestart: [String] = []
        /// Puts it into force. Can't fail, and waits for nobody.
        let apply: @Sendable () -> Void
    }

    /// The settings that it puts into force. Those of no piece need a restart.
    let keys: [String]
    /// The files that it reads, besides the settings' own.
    let files: @Sendable (DoormandSettings) -> [String]
    /// Makes what may fail, and changes nothing. Throws ``ConfigurationError`` with all that is wrong, which repeats no value.
    let prepare: @Sendable (DoormandSettings) throws(ConfigurationError) -> Step

    init(
        keys: [String], files: @escaping @Sendable (DoormandSettings) -> [String] = { _ in [] },
        prepare: @escaping @Sendable (DoormandSettings) throws(ConfigurationError) -> Step
    ) {
        self.keys = keys
        self.files = files
        self.prepare = prepare
    }

    /// A piece that needs no file, and that nothing can be wrong with but what its settings' own checks find.
    init(keys: [String], apply: @escaping @Sendable (DoormandSettings) -> Void) {
        self.init(keys: keys) { settings throws(ConfigurationError) in Step { apply(settings) } }
    }
}
