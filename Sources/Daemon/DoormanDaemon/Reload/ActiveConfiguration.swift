/// The settings that the server runs with. A reload checks all new settings before it applies any.
struct ActiveConfiguration: Sendable {
    /// The outcome of a reload. Settings are named by their keys.
    enum Outcome: Sendable, Hashable {
        /// The settings of `needRestart` stay as they were. Both lists may be empty.
        case applied(changed: [String], needRestart: [String])
        /// All mistakes. Everything stays as it was.
        case failed([String])
    }

    struct Reload: Sendable {
        let outcome: Outcome
        /// The state of ``files`` when they were read; `nil` if they went on changing.
        let fingerprint: FileFingerprint?
    }

    /// The checks that a start makes, too.
    typealias Check = @Sendable (DoormandSettings) throws(ConfigurationError) -> Void

    private struct Candidate {
        /// `nil` if the settings could not be loaded.
        var settings: DoormandSettings?
        var steps: [ReloadableComponent.Step] = []
        var problems: [String] = []
    }

    /// Maximum reads of files that are being changed, and the time between two reads.
    private static let maximumReads = 20
    private static let timeBetweenReads = Duration.milliseconds(50)

    private(set) var settings: DoormandSettings
    /// The files whose change is a reason to reload: the files of the active settings, and of reloads that have failed since.
    private(set) var files: Set<String> = []
    private let loader: SettingsLoader
    private let check: Check
    private let components: [ReloadableComponent]

    init(_ settings: DoormandSettings, loader: SettingsLoader, components: [ReloadableComponent], check: @escaping Check) {
        self.settings = settings
        self.loader = loader
        self.check = check
        self.components = components
        files = files(of: settings)
    }

    /// Loads all settings and files again, and applies what can change without a restart.
    ///
    /// - Throws: `CancellationError` if the task was cancelled. Everything then stays as it was.
    mutating func reload() async throws(CancellationError) -> Reload {
        var fingerprint = FileFingerprint(of: files)
        for _ in 0..<Self.maximumReads {
            let candidate = prepare()
            guard !Task.isCancelled else { throw CancellationError() }
            let named = candidate.settings.map(files(of:)) ?? []
            let isWatched = named.isSubset(of: files)
            files.formUnion(named)
            // A file that changed while it was read may be half old and half new.
            let before = fingerprint
            fingerprint = FileFingerprint(of: files)
            if isWatched, fingerprint == before {
                let outcome = finish(candidate)
                return Reload(outcome: outcome, fingerprint: fingerprint.limited(to: files))
            }
            if isWatched { try? await Task.sleep(for: Self.timeBetweenReads) }
        }
        return Reload(outcome: .failed(["the files were being changed while they were read"]), fingerprint: nil)
    }

    /// Does all that may fail, and changes nothing.
    private func prepare() -> Candidate {
        var candidate = Candidate()
        func note(_ error: ConfigurationError) {
            // The checks at a start and the components may find the same.
            for problem in error.problems where !candidate.problems.contains(problem) { candidate.problems.append(problem) }
        }
        do throws(ConfigurationError) {
            let settings = try loader.load().settings
            candidate.settings = settings
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
        guard candidate.problems.isEmpty, let new = candidate.settings else { return .failed(candidate.problems) }
        for step in candidate.steps { step.apply() }
        files = files(of: new)
        let reloadable = Set(components.flatMap(\.keys))
        let staying = Set(candidate.steps.flatMap(\.needRestart))
        let withOtherContents = Set(candidate.steps.flatMap(\.changed))
        var (changed, needRestart): ([String], [String]) = ([], [])
        for setting in SettingsCatalogue.all {
            let isOther = setting.read(new) != setting.read(settings)
            let isTaken = reloadable.contains(setting.key) && !staying.contains(setting.key)
            if isOther && isTaken || withOtherContents.contains(setting.key) { changed.append(setting.key) }
            if isOther && !isTaken || staying.contains(setting.key) { needRestart.append(setting.key) }
            if isTaken { setting.copy(new, &settings) }
        }
        return .applied(changed: changed, needRestart: needRestart)
    }

    private func files(of settings: DoormandSettings) -> Set<String> {
        Set(([loader.file].compactMap { $0 } + components.flatMap { $0.files(settings) }).filter { !$0.isEmpty })
    }
}
