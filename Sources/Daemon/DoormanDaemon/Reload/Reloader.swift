internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ServiceLifecycle
internal import UnixSignals

/// Reloads the settings on SIGHUP, and when their files have changed and come to rest. Reloads run one after the other; all signals
/// during a reload lead to one more.
///
/// It is a class, since logs print only the name of a class: it holds the environment.
final class Reloader: Service {
    /// Gathers the causes for a reload while another is under way.
    private final class ReloadTrigger: Sendable {
        private let hasSignal = NIOLockedValueBox(false)
        private let (events, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

        func fire(_ cause: ReloadCause) {
            if cause == .signal { hasSignal.withLockedValue { $0 = true } }
            continuation.yield()
        }

        /// Calls `body` once for all causes since the last call, until the task is cancelled. A signal hides the interval.
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

    /// Minimum time between two looks at the files.
    private static let shortestInterval = Duration.milliseconds(10)

    private let configuration: ActiveConfiguration
    private let counters: ReloadCounters
    private let logger: Logger

    init(configuration: ActiveConfiguration, counters: ReloadCounters, logger: Logger) {
        self.configuration = configuration
        self.counters = counters
        self.logger = logger
    }

    func run() async throws {
        // SIGHUP must not end a process that drains.
        defer { SIGHUPHandler.ignore() }
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let trigger = ReloadTrigger()
        let interval = configuration.settings.reloadInterval
        await cancelWhenGracefulShutdown {
            await withTaskGroup { tasks in
                tasks.addTask { for await _ in signals { trigger.fire(.signal) } }
                if interval > .zero {
                    tasks.addTask {
                        while (try? await Task.sleep(for: max(interval, Self.shortestInterval))) != nil {
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
        // Files may have changed since the settings were loaded, and signals were ignored.
        if let first = await watched.reload(for: .signal), first != .applied(changed: [], needRestart: []) { report(first) }
        let interval = DurationText.write(watched.active.settings.reloadInterval)
        logger.info("ready to reload", metadata: ["files": "\(watched.active.files.count)", "interval": "\(interval)"])
        await trigger.forEach { cause in
            if let outcome = await watched.reload(for: cause) { report(outcome) }
        }
    }

    private func report(_ outcome: ActiveConfiguration.Outcome) {
        counters.count(outcome)
        switch outcome {
        case .applied(let changed, let needRestart):
            logger.notice("reloaded the settings", metadata: ["changed": .array(changed.map { .string($0) })])
            if !needRestart.isEmpty {
                logger.warning(
                    "settings have changed that need a restart: they stay as they were",
                    metadata: ["settings": .array(needRestart.map { .string($0) })])
            }
        case .failed(let problems):
            for problem in problems { logger.error("settings: \(problem)") }
            logger.error("did not reload the settings: the last good ones stay in force")
        }
    }
}

enum ReloadCause {
    /// The operator asks for a reload.
    case signal
    /// The files are due for a look.
    case interval
}

/// The active configuration and the watch over its files.
struct WatchedConfiguration {
    private(set) var active: ActiveConfiguration
    private var watch: FileWatch

    init(_ active: ActiveConfiguration) {
        self.active = active
        watch = FileWatch(FileFingerprint(of: active.files))
    }

    /// Reloads on a signal, or if a look finds that the files have changed and come to rest.
    ///
    /// - Returns: `nil` if there was no reload, or the task was cancelled.
    mutating func reload(for cause: ReloadCause) async -> ActiveConfiguration.Outcome? {
        guard cause == .signal || watch.look(FileFingerprint(of: active.files)) else { return nil }
        guard let reload = try? await active.reload() else { return nil }
        watch.take(reload.fingerprint)
        return reload.outcome
    }
}
