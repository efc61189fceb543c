internal import DoormanCore
internal import DoormanSupport
internal import NIOCore

/// Performs what ``Load`` decides, for the connections of one event loop.
final class LoadLoop {
    private let eventLoop: any EventLoop
    private let settings: BenchSettings
    private let frames: RequestFrames
    private let part: CallSchedule.Part
    private var channels: [(any Channel)?]
    private var load: Load?
    private var isStopped = false
    private var finished: EventLoopPromise<Result>?
    private var timer: Scheduled<Void>?
    private var timerInstant = Instant.distantFuture

    /// What is left when the load is over.
    struct Result: Sendable {
        let counters: BenchCounters
        let window: BenchWindow
        let connectionsLost: Int
    }

    init(
        eventLoop: any EventLoop, settings: BenchSettings, frames: RequestFrames, connections: Int, part: CallSchedule.Part
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.frames = frames
        self.part = part
        self.channels = Array(repeating: nil, count: connections)
    }

    /// Timers that are due already go before sockets in NIO: at a rate that is too high for it, no answer would be read.
    private static let shortestPause = Duration.microseconds(20)

    private var now: Instant { .now }

    /// Answers so far.
    var answers: Int { load?.counters.answers ?? 0 }

    // MARK: - From outside

    /// Makes calls until the time is up or no connection is left.
    func run(_ window: BenchWindow) -> EventLoopFuture<Result> {
        let promise = eventLoop.makePromise(of: Result.self)
        finished = promise
        var load = Load(settings: settings, frames: frames, connections: channels.count, part: part, window: window)
        // Some may have ended since they were opened.
        for index in channels.indices where channels[index] == nil { load.end(index, now: now) }
        if isStopped { load.stop(now: now) }
        self.load = load
        perform()
        return promise.futureResult
    }

    /// Makes no further calls, and finishes those that were due.
    func stop() {
        isStopped = true
        load?.stop(now: now)
        perform()
    }

    /// Ends at once; what is in flight does not count.
    func cutOff() {
        isStopped = true
        load?.stop(now: now)
        finish()
    }

    // MARK: - From the connections

    func add(_ channel: any Channel, _ index: Int) {
        if channel.isActive { channels[index] = channel }
    }

    func receive(_ bytes: ByteBuffer, on index: Int) {
        load?.receive(bytes, on: index, now: now)
    }

    /// - Parameter channel: Which of those that were tried for the connection it was.
    func end(_ index: Int, _ channel: any Channel) {
        guard channels[index] === channel else { return }
        channels[index] = nil
        load?.end(index, now: now)
        perform()
    }

    // MARK: - What follows

    func perform() {
        let now = now
        load?.timePassed(now: now)
        load?.send(now: now)
        while let (index, bytes) = load?.takeOutput() {
            channels[index]?.writeAndFlush(bytes, promise: nil)
        }
        while let index = load?.takeClosing() { channels[index]?.close(promise: nil) }
        if load?.isFinished(at: now) == true { finish() } else { rearmTimer(now) }
    }

    /// Moved only when something is due earlier.
    private func rearmTimer(_ now: Instant) {
        guard finished != nil, var next = load?.nextTimer(at: now) else { return }
        if next < now.advanced(by: Self.shortestPause) { next = self.now.advanced(by: Self.shortestPause) }
        guard next < timerInstant else { return }
        timer?.cancel()
        timerInstant = next
        let loop = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(next.nanoseconds)) { loop.value.timerFired() }
    }

    private func timerFired() {
        timerInstant = .distantFuture
        perform()
    }

    private func finish() {
        guard let load, let finished else { return }
        self.finished = nil
        timer?.cancel()
        finished.succeed(Result(counters: load.counters, window: load.window, connectionsLost: load.connectionsLost))
    }
}

extension Instant {
    /// NIO's clock, so that its timers and ours agree.
    static var now: Instant { Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds) }
}
