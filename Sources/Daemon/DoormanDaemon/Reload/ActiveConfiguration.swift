/// The settings that the server runs with, and how others take their place: all of them are checked before any is put into force.
struct ActiveConfiguration: Sendable {
    /// Settings are named by their keys.
    enum Outcome: Sendable, Hashable {
        /// Those of `needRestart` stay as they were. Both may be empty.
        case applied(changed: [String], needRestart: [String])
        /// All that is wrong. Everything stays as it was.
        case failed([String])
    }

    /// What is checked at a start, too.
    typealias Check = @Sendable (DoormandSettings) throws(ConfigurationError) -> Void

    private struct Candidate {
        /// Nil if they could not be loaded.
        var settings: DoormandSettings?
        var steps: [ReloadableComponent.Step] = []
        var problems: [String] = []
    }

    /// How often files are read that are being changed, and how long after each other.
    private static let maximumTries = 20
    private static let timeBetweenTries = Duration.milliseconds(50)

    private(set) var settings: DoormandSettings
    /// The files whose change is a reason to reload: those in force, and those of reloads that have failed since.
    private(set) var files: Set<String> = []
    private let loader: SettingsLoader
    private let check: Check
    private let pieces: [ReloadableComponent]

    init(_ settings: DoormandSettings, loader: SettingsLoader, pieces: [ReloadableComponent], check: @escaping Check) {
        self.settings = settings
        self.loader = loader
        self.check = check
        self.pieces = pieces
        files = files(of: settings)
    }

    /// Loads everything anew, and puts into force what can be.
    ///
    /// - Returns: What came of it, and what ``files`` looked like when they were read, nil if they did not come to rest; nothing if
    ///   the task was cancelled.
    mutating func reload() async -> (outcome: Outcome, fingerprint: FileFingerprint?)? {
        var fingerprint = FileFingerprint(of: files)
        for _ in 0..<Self.maximumTries {
            let candidate = await prepare()
            guard !Task.isCancelled else { return nil }
            let named = candidate.settings.map(files(of:)) ?? []
            let isWatched = named.isSubset(of: files)
            files.formUnion(named)
            // What changed while it was read may be half of one thing and half of another.
            let before = fingerprint
            fingerprint = FileFingerprint(of: files)
            if isWatched, fingerprint == before {
                let outcome = finish(candidate)
                return (outcome, fingerprint.limited(to: files))
            }
            if isWatched { try? await Task.sleep(for: Self.timeBetweenTries) }
        }
        return (.failed(["the files were being changed while they were read"]), nil)
    }

    /// All that may fail, changing nothing.
    private func prepare() async -> Candidate {
        var candidate = Candidate()
        func note(_ error: ConfigurationError) {
            // The checks at a start and the pieces may find the same.
            for problem in error.problems where !candidate.problems.contains(problem) { candidate.problems.append(problem) }
        }
        do throws(ConfigurationError) {
            let settings = try loader.load().settings
            candidate.settings = settings
            do throws(ConfigurationError) { try check(settings) } catch { note(error) }
            for piece in pieces {
                do throws(ConfigurationError) { candidate.steps.append(try piece.prepare(settings)) } catch { note(error) }
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
        let reloadable = Set(pieces.flatMap(\.keys))
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
        Set(([loader.file].compactMap { $0 } + pieces.flatMap { $0.files(settings) }).filter { !$0.isEmpty })
    }
}
