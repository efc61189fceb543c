/// The settings in use. A reload checks all new settings before it applies any of them.
struct ActiveConfiguration: Sendable {
    /// The outcome of a reload.
    enum Outcome: Sendable, Hashable {
        /// The keys of the settings that changed, and of those that keep their old values until a restart. Both lists may be empty.
        case applied(changed: [String], needRestart: [String])
        /// All problems. Nothing has changed.
        case failed([String])
    }

    /// A finished reload.
    struct Reload: Sendable {
        let outcome: Outcome
        /// The state of ``files`` when they were read. `nil` if they kept changing.
        let fingerprint: FileFingerprint?
    }

    /// The checks that also run at the start of the server.
    typealias Check = @Sendable (DoormandSettings) throws(ConfigurationError) -> Void

    private struct Candidate {
        /// The new settings. `nil` if they could not be loaded.
        var loaded: SettingsLoader.Loaded?
        var steps: [ReloadableComponent.Step] = []
        var problems: [String] = []
    }

    /// The maximum number of reads of files that keep changing.
    private static let maximumReads = 20
    private static let timeBetweenReads = Duration.milliseconds(50)

    /// The settings with their origins.
    private(set) var loaded: SettingsLoader.Loaded
    /// The files whose change triggers a reload: those of the active settings, and those of failed reloads since then.
    private(set) var files: Set<String> = []
    private let loader: SettingsLoader
    private let check: Check
    private let components: [ReloadableComponent]

    init(
        _ loaded: SettingsLoader.Loaded, loader: SettingsLoader, components: [ReloadableComponent], check: @escaping Check
    ) {
        self.loaded = loaded
        self.loader = loader
        self.check = check
        self.components = components
        files = files(of: loaded.settings)
    }

    var settings: DoormandSettings { loaded.settings }

    /// Loads all settings and files again, and applies the changes that need no restart.
    ///
    /// - Throws: `CancellationError` if the task was cancelled. Nothing has changed then.
    mutating func reload() async throws(CancellationError) -> Reload {
        var fingerprint = FileFingerprint(of: files)
        for _ in 0..<Self.maximumReads {
            let candidate = prepare()
            guard !Task.isCancelled else { throw CancellationError() }
            let named = candidate.loaded.map { files(of: $0.settings) } ?? []
            let isWatched = named.isSubset(of: files)
            files.formUnion(named)
            // A file that changed during the read may be half old and half new.
            let before = fingerprint
            fingerprint = FileFingerprint(of: files)
            if isWatched, fingerprint == before {
                let outcome = finish(candidate)
                return Reload(outcome: outcome, fingerprint: fingerprint.limited(to: files))
            }
            if isWatched { try? await Task.sleep(for: Self.timeBetweenReads) }
        }
        return Reload(
            outcome: .failed(["the settings files kept changing during the reload: reload again when they are complete"]),
            fingerprint: nil)
    }

    /// Performs every step that can fail, without changing anything.
    private func prepare() -> Candidate {
        var candidate = Candidate()
        func note(_ error: ConfigurationError) {
            // The checks at the start and the components may report the same problem.
            for problem in error.problems where !candidate.problems.contains(problem) { candidate.problems.append(problem) }
        }
        do throws(ConfigurationError) {
            let loaded = try loader.load()
            candidate.loaded = loaded
            let settings = loaded.settings
            do throws(ConfigurationError) { try check(settings) } catch { note(error) }
            for component in components {
                do throws(ConfigurationError) { candidate.steps.append(try component.prepare(settings)) } catch { note(error) }
            }
        } catch {
            note(error)
        }
        return candidate
    }

    private mutating func finish(_ candidate: Candidate) -> Outcome {
        guard candidate.problems.isEmpty, let new = candidate.loaded else { return .failed(candidate.problems) }
        for step in candidate.steps { step.apply() }
        files = files(of: new.settings)
        let reloadable = Set(components.flatMap(\.keys))
        let fixed = Set(candidate.steps.flatMap(\.needRestart))
        let withChangedFile = Set(candidate.steps.flatMap(\.changed))
        var (changed, needRestart): ([String], [String]) = ([], [])
        for setting in SettingsCatalogue.all {
            let isDifferent = setting.read(new.settings) != setting.read(settings)
            let isApplied = reloadable.contains(setting.key) && !fixed.contains(setting.key)
            if isDifferent && isApplied || withChangedFile.contains(setting.key) { changed.append(setting.key) }
            if isDifferent && !isApplied || fixed.contains(setting.key) { needRestart.append(setting.key) }
            if isApplied {
                setting.copy(new.settings, &loaded.settings)
                loaded.origins[setting.key] = new.origins[setting.key]
            }
        }
        return .applied(changed: changed, needRestart: needRestart)
    }

    private func files(of settings: DoormandSettings) -> Set<String> {
        Set(([loader.file].compactMap { $0 } + components.flatMap { $0.files(settings) }).filter { !$0.isEmpty })
    }
}
