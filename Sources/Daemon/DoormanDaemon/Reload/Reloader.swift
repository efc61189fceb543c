internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ServiceLifecycle
internal import UnixSignals

/// Reloads the settings on SIGHUP, and when a file of theirs has changed and come to rest. One reload at a time; signals that come
/// during one lead to one more.
///
/// A class, of which logs print the name alone: it holds the environment.
final class Reloader: Service {
    /// What leads to a reload, gathered while one is under way.
    private final class ReloadTrigger: Sendable {
        private let hasSignal = NIOLockedValueBox(false)
        private let (rings, ringer) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

        func ring(bySignal isSignal: Bool) {
            if isSignal { hasSignal.withLockedValue { $0 = true } }
            ringer.yield()
        }

        /// Calls `body` after each ring, or once after many, until the task is cancelled.
        func forEachRing(_ body: (_ wasSignal: Bool) async -> Void) async {
            for await _ in rings {
                await body(
                    hasSignal.withLockedValue { hasSignal in
                        defer { hasSignal = false }
                        return hasSignal
                    })
            }
        }
    }

    /// No look at the files is sooner after the last.
    private static let shortestInterval = Duration.milliseconds(10)

    private let settings: ActiveConfiguration
    private let tally: ReloadCounters
    private let logger: Logger

    init(settings: ActiveConfiguration, tally: ReloadCounters, logger: Logger) {
        self.settings = settings
        self.tally = tally
        self.logger = logger
    }

    func run() async throws {
        // Whoever is told to end is not to be ended by this meanwhile.
        defer { SIGHUPHandler.ignore() }
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let bell = ReloadTrigger()
        let (interval, settings) = (settings.settings.reloadInterval, settings)
        await cancelWhenGracefulShutdown {
            await withTaskGroup { tasks in
                tasks.addTask { for await _ in signals { bell.ring(bySignal: true) } }
                if interval > .zero {
                    tasks.addTask {
                        while (try? await Task.sleep(for: max(interval, Self.shortestInterval))) != nil {
                            bell.ring(bySignal: false)
                        }
                    }
                }
                await self.reload(settings, at: bell)
                tasks.cancelAll()
            }
        }
        try? await gracefulShutdown()
    }

    private func reload(_ start: ActiveConfiguration, at bell: ReloadTrigger) async {
        var settings = start
        var watch = FileWatch(FileFingerprint(of: settings.files))
        // What was changed, or asked for, since the settings were loaded and before anybody looked.
        if let first = await settings.reload() {
            watch.take(first.fingerprint)
            if first.outcome != .applied(changed: [], needRestart: []) { report(first.outcome) }
        }
        logger.info(
            "ready to reload",
            metadata: [
                "files": "\(settings.files.count)", "interval": "\(DurationText.write(settings.settings.reloadInterval))",
            ])
        await bell.forEachRing { wasSignal in
            guard wasSignal || watch.look(FileFingerprint(of: settings.files)) else { return }
            guard let reload = await settings.reload() else { return }
            watch.take(reload.fingerprint)
            report(reload.outcome)
        }
    }

    private func report(_ outcome: ActiveConfiguration.Outcome) {
        tally.count(outcome)
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
