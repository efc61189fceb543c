internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ServiceLifecycle
internal import UnixSignals

/// Reloads the settings on SIGHUP, and when their files have changed and are stable again. Reloads run one at a time. All signals that
/// arrive during a reload cause one more reload.
///
/// The type is a class because it holds the environment: logs print only the name of a class, but all properties of a structure.
final class Reloader: Service {
    /// Merges the causes for a reload that arrive during another reload.
    private final class ReloadTrigger: Sendable {
        private let hasSignal = NIOLockedValueBox(false)
        private let (events, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

        func fire(_ cause: ReloadCause) {
            if cause == .signal { hasSignal.withLockedValue { $0 = true } }
            continuation.yield()
        }

        /// Calls `body` once for all causes since the last call, until the task is cancelled. A signal takes precedence over the interval.
        func forEach(_ body: (ReloadCause) async -> Void) async {
            for await _ in events {
                let wasSignal = hasSignal.withLockedValue { hasSignal in
                    defer { hasSignal = false }
                    return hasSignal
                }
                await body(wasSignal ? .signal : .interval)
            }
        }
    }

    /// The minimum time between two checks of the files.
    private static let minimumInterval = Duration.milliseconds(10)

    private let configuration: ActiveConfiguration
    private let current: NIOLockedValueBox<SettingsLoader.Loaded>
    private let counters: ReloadCounters
    private let notifier: ServiceNotifier
    private let logger: Logger

    init(configuration: ActiveConfiguration, counters: ReloadCounters, notifier: ServiceNotifier, logger: Logger) {
        self.configuration = configuration
        current = NIOLockedValueBox(configuration.loaded)
        self.counters = counters
        self.notifier = notifier
        self.logger = logger
    }

    /// The active settings with their origins.
    var active: SettingsLoader.Loaded { current.withLockedValue { $0 } }

    func run() async throws {
        // SIGHUP must not end a draining process.
        defer { SIGHUPHandler.ignore() }
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let trigger = ReloadTrigger()
        let interval = configuration.settings.reloadInterval
        await cancelWhenGracefulShutdown {
            await withTaskGroup { tasks in
                tasks.addTask { for await _ in signals { trigger.fire(.signal) } }
                if interval > .zero {
                    tasks.addTask {
                        while (try? await Task.sleep(for: max(interval, Self.minimumInterval))) != nil {
                            trigger.fire(.interval)
                        }
                    }
                }
                await self.reload(at: trigger)
                tasks.cancelAll()
            }
        }
        try? await gracefulShutdown()
    }

    private func reload(at trigger: ReloadTrigger) async {
        var watched = WatchedConfiguration(configuration)
        // Files may have changed since the settings were loaded. Signals were ignored until now.
        if let first = await watched.reload(for: .signal), first != .applied(changed: [], needRestart: []) {
            report(first, of: watched.active.settings)
        }
        current.withLockedValue { $0 = watched.active.loaded }
        let interval = DurationText.write(watched.active.settings.reloadInterval)
        logger.info("ready to reload", metadata: ["files": "\(watched.active.files.count)", "interval": "\(interval)"])
        await trigger.forEach { cause in
            // The service manager waits for the end of a reload that it asked for.
            if cause == .signal { notifier.reloading() }
            guard let outcome = await watched.reload(for: cause) else { return }
            current.withLockedValue { $0 = watched.active.loaded }
            report(outcome, of: watched.active.settings)
            if case .applied = outcome { warn(about: watched.active.settings) }
            notifier.reloaded(Self.status(after: outcome))
        }
    }

    /// Returns the status for the service manager.
    private static func status(after outcome: ActiveConfiguration.Outcome) -> String {
        switch outcome {
        case .applied: "serving, reloaded the settings"
        case .failed: "serving with the previous settings, because the new settings are invalid: see the log"
        }
    }

    private func warn(about settings: DoormandSettings) {
        let applications = (try? settings.providers().count) ?? 1
        for warning in settings.warnings(applications: applications) { warning.log(to: logger) }
    }

    private func report(_ outcome: ActiveConfiguration.Outcome, of settings: DoormandSettings) {
        counters.count(outcome)
        switch outcome {
        case .applied(let changed, let needRestart):
            logger.notice(
                "reloaded the settings",
                metadata: [
                    "audit": "settings_reloaded", "changed": .array(changed.map { .string($0) }),
                    "configuration": "\(settings.digest)",
                ])
            if !needRestart.isEmpty {
                logger.warning(
                    "changed settings need a restart: their old values stay active",
                    metadata: ["settings": .array(needRestart.map { .string($0) })])
            }
        case .failed(let problems):
            for problem in problems { logger.error("invalid settings", metadata: ["problem": "\(problem)"]) }
            logger.error(
                "did not reload the settings: the previous settings stay active", metadata: ["audit": "reload_failed"])
        }
    }
}

/// The cause of a reload.
enum ReloadCause {
    /// The operator sent SIGHUP.
    case signal
    /// The interval between two checks of the files is over.
    case interval
}

/// The active configuration and the watch on its files.
struct WatchedConfiguration {
    private(set) var active: ActiveConfiguration
    private var watch: FileWatch

    init(_ active: ActiveConfiguration) {
        self.active = active
        watch = FileWatch(FileFingerprint(of: active.files))
    }

    /// Reloads on a signal, or if the files have changed and are stable again.
    ///
    /// - Returns: `nil` if no reload was due or the task was cancelled.
    mutating func reload(for cause: ReloadCause) async -> ActiveConfiguration.Outcome? {
        guard cause == .signal || watch.check(FileFingerprint(of: active.files)) else { return nil }
        guard let reload = try? await active.reload() else { return nil }
        watch.didReload(reload.fingerprint)
        return reload.outcome
    }
}
