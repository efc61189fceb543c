internal import DoormanCore
internal import DoormanSupport
internal import NIOCore

/// Performs the decisions of ``Load`` for the connections of one event loop.
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

    /// The result of a finished load.
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

    /// Minimum delay of a timer. NIO runs timers that are due before it reads sockets: at a rate that is too high, no response would be
    /// read.
    private static let minTimerDelay = Duration.microseconds(20)

    private var now: Instant { .now }

    /// Responses so far.
    var responses: Int { load?.counters.responses ?? 0 }

    // MARK: - Control

    /// Makes calls until the window ends or no connection is left.
    func run(_ window: BenchWindow) -> EventLoopFuture<Result> {
        let promise = eventLoop.makePromise(of: Result.self)
        finished = promise
        var load = Load(settings: settings, frames: frames, connections: channels.count, part: part, window: window)
        // A connection may have ended since it was opened.
        for index in channels.indices where channels[index] == nil { load.end(index, now: now) }
        if isStopped { load.stop(now: now) }
        self.load = load
        perform()
        return promise.futureResult
    }

    /// Starts no further calls, and finishes the calls that are due.
    func stop() {
        isStopped = true
        load?.stop(now: now)
        perform()
    }

    /// Ends at once. Calls in flight are not counted.
    func cutOff() {
        isStopped = true
        load?.stop(now: now)
        finish()
    }

    // MARK: - Events of connections

    func add(_ channel: any Channel, _ index: Int) {
        if channel.isActive { channels[index] = channel }
    }

    func receive(_ bytes: ByteBuffer, on index: Int) {
        load?.receive(bytes, on: index, now: now)
    }

    /// - Parameter channel: The channel that ended. Channels of other addresses that were tried are ignored.
    func end(_ index: Int, _ channel: any Channel) {
        guard channels[index] === channel else { return }
        channels[index] = nil
        load?.end(index, now: now)
        perform()
    }

    // MARK: - Actions

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

    /// Moves the timer only to an earlier time. A timer that fires early is harmless.
    private func rearmTimer(_ now: Instant) {
        guard finished != nil, var next = load?.nextTimer(at: now) else { return }
        if next < now.advanced(by: Self.minTimerDelay) { next = self.now.advanced(by: Self.minTimerDelay) }
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
