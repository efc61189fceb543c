import DoormanSupport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

@testable import DoormanClient

/// The time of a client under test. It passes only when the test advances it.
final class SteppedTime: SteppedEventLoopTime {
    private struct Timer {
        let number: Int
        let moment: Instant
        let promise: EventLoopPromise<Void>
        let action: () -> Void
    }

    private struct Timers {
        /// The timers in the order of their creation.
        var pending: [Timer] = []
        var lastNumber = 0

        /// Removes the timer with the earliest moment until `end`. Of equal moments, the timer that was created first comes first.
        mutating func popNext(until end: Instant) -> Timer? {
            guard let next = pending.min(by: { $0.moment < $1.moment }), next.moment <= end else { return nil }
            remove(next.number)
            return next
        }

        mutating func remove(_ number: Int) {
            pending.removeAll { $0.number == number }
        }
    }

    let eventLoop: any EventLoop
    private let current = NIOLockedValueBox(Instant(nanoseconds: 1_000_000_000_000))
    private let timers: NIOLoopBoundBox<Timers>

    init() {
        eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        timers = .makeBoxSendingValue(Timers(), eventLoop: eventLoop)
    }

    deinit {
        eventLoop.execute { [timers] in
            for timer in timers.value.pending { timer.promise.fail(EventLoopError.cancelled) }
        }
    }

    var now: Instant { current.withLockedValue(\.self) }

    func schedule(at moment: Instant, _ action: @escaping () -> Void) -> Scheduled<Void> {
        timers.value.lastNumber += 1
        let number = timers.value.lastNumber
        let promise = eventLoop.makePromise(of: Void.self)
        timers.value.pending.append(Timer(number: number, moment: moment, promise: promise, action: action))
        return Scheduled(promise: promise) { [timers] in timers.value.remove(number) }
    }

    /// Advances the clock and runs the timers that are due in order, each at its own moment. No socket is read in between: a test that
    /// needs a response in between advances in two steps.
    func advance(by step: Duration) async throws {
        try await eventLoop.submit { self.run(until: self.now.advanced(by: step)) }.get()
    }

    private func run(until end: Instant) {
        while let timer = timers.value.popNext(until: end) {
            current.withLockedValue { $0 = max($0, timer.moment) }
            timer.action()
            timer.promise.succeed()
        }
        current.withLockedValue { $0 = end }
    }
}
