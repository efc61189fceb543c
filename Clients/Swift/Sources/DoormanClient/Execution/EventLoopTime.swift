internal import DoormanSupport
internal import NIOCore

/// The time of a client: a clock that only goes forward, and timers that run on the client's event loop.
///
/// An enum and not a protocol alone: every call reads the clock, and a branch costs less than a call through an existential.
enum EventLoopTime: Sendable {
    /// The event loop's own clock and timers.
    case eventLoop(any EventLoop)
    /// A clock that a test steps.
    case stepped(any SteppedEventLoopTime)

    /// The event loop that timers run on.
    var eventLoop: any EventLoop {
        switch self {
        case .eventLoop(let eventLoop): eventLoop
        case .stepped(let time): time.eventLoop
        }
    }

    /// The present moment. May be read on any thread.
    @inline(__always)
    var now: Instant {
        switch self {
        case .eventLoop: Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds)
        case .stepped(let time): time.now
        }
    }

    /// Runs `action` on the event loop once the moment has come. Called on the event loop.
    ///
    /// - Returns: The timer, which can be cancelled on the event loop.
    func schedule(at moment: Instant, _ action: @escaping () -> Void) -> Scheduled<Void> {
        switch self {
        case .eventLoop(let eventLoop):
            eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(moment.nanoseconds), action)
        case .stepped(let time): time.schedule(at: moment, action)
        }
    }

    /// Runs `action` on the event loop after `delay`. Called on the event loop.
    @discardableResult
    func schedule(in delay: Duration, _ action: @escaping () -> Void) -> Scheduled<Void> {
        schedule(at: now.advanced(by: delay), action)
    }
}

/// A clock that moves only when its owner says so, and its timers.
protocol SteppedEventLoopTime: AnyObject, Sendable {
    var eventLoop: any EventLoop { get }
    var now: Instant { get }

    /// Runs `action` on the event loop when the clock reaches the moment. Called on the event loop.
    func schedule(at moment: Instant, _ action: @escaping () -> Void) -> Scheduled<Void>
}
