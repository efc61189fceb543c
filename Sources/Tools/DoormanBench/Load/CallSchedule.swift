internal import DoormanCore
package import DoormanSupport

/// The times at which the calls of one event loop are due.
///
/// In an open loop, due times depend on the clock alone. A closed loop waits for a response before its next call. It omits the calls
/// that would have been made meanwhile, which are the calls that a slow server delays. Gil Tene calls this *coordinated omission*
/// (*How NOT to Measure Latency*; `wrk2` and HdrHistogram). So the latency of a call counts from its due time, even if the call was
/// sent later.
package struct CallSchedule: Sendable {
    /// The calls of this loop: every `count`th call, beginning with the `index`th.
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
    /// The number of the next call among the calls of all loops.
    private var number: UInt64

    /// - Parameter rate: The rate over all loops; `nil` for a closed loop.
    package init(rate: CallRate?, part: Part, window: BenchWindow) {
        self.rate = rate
        self.part = part
        self.start = window.start
        self.end = window.end
        self.number = UInt64(part.index)
    }

    /// Returns the time at which the next call is due; `nil` after the last call. In a closed loop the next call is due at once.
    package func next(at now: Instant) -> Instant? {
        let due = rate.map { moment(of: number, $0) } ?? now
        return due < end ? due : nil
    }

    /// Takes the next call if it is due.
    ///
    /// - Returns: The time at which it was due; `nil` if no call is due.
    package mutating func take(at now: Instant) -> Instant? {
        guard let due = next(at: now), due <= now else { return nil }
        number += UInt64(part.count)
        return due
    }

    /// Makes no call due from `moment` on.
    package mutating func cut(at moment: Instant) {
        end = min(end, moment)
    }

    /// Computes from the start each time, so that rounding errors don't add up.
    private func moment(of number: UInt64, _ rate: CallRate) -> Instant {
        let (seconds, rest) = number.quotientAndRemainder(dividingBy: UInt64(rate.callsPerSecond))
        let nanoseconds = seconds * 1_000_000_000 + rest * 1_000_000_000 / UInt64(rate.callsPerSecond)
        return start.advanced(by: .nanoseconds(Int64(clamping: nanoseconds)))
    }
}
