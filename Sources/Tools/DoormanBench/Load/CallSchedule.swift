internal import DoormanCore
package import DoormanSupport

/// When each call of one event loop is due.
///
/// In an open loop that depends on nothing but the clock. A generator that waits for an answer before it makes the next call
/// leaves out the calls that should have been made meanwhile, which are just those that a slow server would have hurt: Gil Tene
/// calls this coordinated omission (*How NOT to Measure Latency*; his `wrk2` and HdrHistogram). So a call that could not be sent
/// when it was due still counts from then.
package struct CallSchedule: Sendable {
    /// Which part of all calls falls to this loop: every `count`th from the `index`th.
    package struct Part: Sendable, Hashable {
        package let index: Int
        package let count: Int

        package init(index: Int, of count: Int) {
            precondition((0..<count).contains(index))
            self.index = index
            self.count = count
        }
    }

    private let rate: CallRate?
    private let part: Part
    private let start: Instant
    private var end: Instant
    /// Of the next call, among those of all loops.
    private var number: UInt64

    /// - Parameter rate: Nil for a closed loop.
    package init(rate: CallRate?, part: Part, window: BenchWindow) {
        self.rate = rate
        self.part = part
        self.start = window.start
        self.end = window.end
        self.number = UInt64(part.index)
    }

    /// The moment at which the next call is or was due; in a closed loop that is as soon as it can be sent. Nil after the last.
    package func next(at now: Instant) -> Instant? {
        let due = rate.map { moment(of: number, $0) } ?? now
        return due < end ? due : nil
    }

    /// Takes the next call, if it is due by now.
    ///
    /// - Returns: Since when.
    package mutating func take(at now: Instant) -> Instant? {
        guard let due = next(at: now), due <= now else { return nil }
        number += UInt64(part.count)
        return due
    }

    /// No call is due from then on.
    package mutating func cut(at moment: Instant) {
        end = min(end, moment)
    }

    /// From the start each time, so that no rounding adds up.
    private func moment(of number: UInt64, _ rate: CallRate) -> Instant {
        let (seconds, rest) = number.quotientAndRemainder(dividingBy: UInt64(rate.callsPerSecond))
        let nanoseconds = seconds * 1_000_000_000 + rest * 1_000_000_000 / UInt64(rate.callsPerSecond)
        return start.advanced(by: .nanoseconds(Int64(clamping: nanoseconds)))
    }
}
