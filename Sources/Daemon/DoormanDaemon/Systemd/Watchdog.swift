internal import NIOCore
internal import ServiceLifecycle

/// Sends signs of life, twice in the time of the watchdog, while every event loop responds. A loop that is stuck stops them, and the
/// service manager restarts the process.
struct Watchdog: Service {
    /// Half of the time of the watchdog.
    private let interval: Duration
    private let loops: [any EventLoop]
    private let sendSignOfLife: @Sendable () -> Void

    init(timeout: Duration, loops: [any EventLoop], sendSignOfLife: @escaping @Sendable () -> Void) {
        interval = timeout / 2
        self.loops = loops
        self.sendSignOfLife = sendSignOfLife
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            var next = ContinuousClock.now
            while !Task.isCancelled {
                await waitForAllLoops()
                if Task.isCancelled { return }
                sendSignOfLife()
                next = max(next.advanced(by: interval), .now)
                try? await Task.sleep(until: next, clock: .continuous)
            }
        }
    }

    /// Returns when every loop has responded, or when the task is cancelled: a future of a stuck loop would hold the shutdown.
    private func waitForAllLoops() async {
        let (responses, continuation) = AsyncStream.makeStream(of: Void.self)
        for loop in loops { loop.execute { continuation.yield() } }
        var missing = loops.count
        for await _ in responses {
            missing -= 1
            if missing == 0 { return }
        }
    }
}
