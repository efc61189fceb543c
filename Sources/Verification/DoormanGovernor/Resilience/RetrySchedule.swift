internal import DoormanSupport

/// The times at which refused calls were told to come back.
///
/// Calls that were told the same time come back at the same time, and most of them are refused again. So each call is told a time that
/// is one permit later than that of the call before it. Times that have passed are forgotten: a call that came back has a permit, waits,
/// or was told a later time.
struct RetrySchedule: Sendable {
    /// The time over which refused calls are spread. When it is full, further calls are told a random time in its second half.
    static let longestSpread = Duration.seconds(60)
    /// The number of steps for which calls are counted. Calls of later steps count as calls of the last step.
    static let maximumSteps = 1_024
    /// The precision in which times are forgotten.
    private static let nanosecondsPerStep: UInt64 = 100_000_000

    private struct Step {
        let number: UInt64
        var calls: Int
    }

    /// The last time that a call was told, without its jitter.
    private var last = Instant(nanoseconds: 0)
    /// The calls that have not come back, by the step in which they come back.
    private var steps: [Step] = []
    private var calls = 0

    /// Returns the number of calls whose time has not come.
    mutating func outstanding(at now: Instant) -> Int {
        let present = now.nanoseconds / Self.nanosecondsPerStep
        if let first = steps.first, first.number <= present {
            let past = steps.prefix { $0.number <= present }
            calls -= past.reduce(0) { $0 + $1.calls }
            steps.removeFirst(past.count)
        }
        return calls
    }

    /// Returns the time for one more call.
    ///
    /// - Parameters:
    ///   - earliest: The time at which the call could begin if no call had been told a time.
    ///   - turn: The time at which the call can begin after all calls that wait and the ``outstanding(at:)`` calls.
    ///   - interval: The time between the beginnings of two calls.
    mutating func add(
        earliest: Instant, turn: Instant, interval: Duration, using random: inout some RandomNumberGenerator
    ) -> Instant {
        let time = max(earliest, turn, last.advanced(by: interval))
        guard time <= earliest.advanced(by: Self.longestSpread) else {
            return earliest.advanced(by: Self.longestSpread * Double.random(in: 0.5..<1, using: &random))
        }
        last = time
        count(in: time.nanoseconds / Self.nanosecondsPerStep)
        return time
    }

    private mutating func count(in step: UInt64) {
        calls += 1
        if let index = steps.indices.last, steps[index].number >= step || steps.count >= Self.maximumSteps {
            steps[index].calls += 1
        } else {
            steps.append(Step(number: step, calls: 1))
        }
    }
}
