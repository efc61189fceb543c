import DoormanSupport
import Testing

@Suite("Moments on the clock that only goes forward")
struct InstantTests {
    @Test("steps forward and back")
    func steps() {
        let start = Instant(nanoseconds: 1000)
        #expect(start.advanced(by: .nanoseconds(5)) == Instant(nanoseconds: 1005))
        #expect(start.advanced(by: .nanoseconds(-5)) == Instant(nanoseconds: 995))
        #expect(start.advanced(by: .zero) == start)
    }

    @Test("steps stop at the start and at the end of time")
    func edges() {
        #expect(Instant(nanoseconds: 4).advanced(by: .nanoseconds(-5)) == Instant(nanoseconds: 0))
        #expect(Instant(nanoseconds: .max - 4).advanced(by: .nanoseconds(5)) == .distantFuture)
        #expect(Instant.distantFuture.advanced(by: .seconds(1)) == .distantFuture)
        #expect(Instant(nanoseconds: 0).advanced(by: .seconds(Int64.max)) == Instant(nanoseconds: UInt64(Int64.max)))
        #expect(Instant(nanoseconds: 7).advanced(by: .seconds(Int64.min)) == Instant(nanoseconds: 0))
    }

    @Test("the way there and the way back are one, with its sign turned")
    func durations() {
        let early = Instant(nanoseconds: 10)
        let late = Instant(nanoseconds: 25)
        #expect(early.duration(to: late) == .nanoseconds(15))
        #expect(late.duration(to: early) == .nanoseconds(-15))
        #expect(late.duration(to: late) == .zero)
    }

    @Test("a duration that can't be expressed is the longest that can")
    func longestDuration() {
        let start = Instant(nanoseconds: 0)
        #expect(start.duration(to: .distantFuture) == .nanoseconds(Int64.max))
        #expect(Instant.distantFuture.duration(to: start) == .nanoseconds(-Int64.max))
    }

    @Test("they are ordered")
    func order() {
        #expect(Instant(nanoseconds: 1) < Instant(nanoseconds: 2))
        #expect(Instant(nanoseconds: .max - 1) < .distantFuture)
    }
}

@Suite("Deadlines")
struct DeadlineTests {
    let deadline = Deadline(Instant(nanoseconds: 100))

    @Test("time is left until the very moment")
    func passes() {
        #expect(!deadline.hasPassed(at: Instant(nanoseconds: 99)))
        #expect(deadline.hasPassed(at: Instant(nanoseconds: 100)))
        #expect(deadline.hasPassed(at: .distantFuture))
    }

    @Test("what is left is never less than nothing")
    func remaining() {
        #expect(deadline.remaining(at: Instant(nanoseconds: 40)) == .nanoseconds(60))
        #expect(deadline.remaining(at: Instant(nanoseconds: 100)) == .zero)
        #expect(deadline.remaining(at: Instant(nanoseconds: 5000)) == .zero)
    }

    @Test("one in the distant future never passes, but its remaining time can still be expressed")
    func distant() {
        let distant = Deadline(.distantFuture)
        #expect(!distant.hasPassed(at: Instant(nanoseconds: .max - 1)))
        #expect(distant.remaining(at: Instant(nanoseconds: 0)) == .nanoseconds(Int64.max))
    }

    @Test("the earlier one comes first")
    func order() {
        #expect(deadline < Deadline(Instant(nanoseconds: 101)))
        #expect(min(deadline, Deadline(.distantFuture)) == deadline)
    }
}

@Suite("Durations in nanoseconds")
struct DurationNanosecondsTests {
    @Test(
        "whole ones, rounded toward zero",
        arguments: [
            (.zero, 0), (.seconds(1), 1_000_000_000), (.nanoseconds(1), 1), (.nanoseconds(-1), -1),
            (.milliseconds(-1500), -1_500_000_000), (.init(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
        ] as [(Duration, Int64)])
    func whole(_ duration: Duration, _ nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }

    @Test("held at both ends")
    func ends() {
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.min).nanoseconds == .min)
        #expect(Duration.nanoseconds(Int64.max).nanoseconds == .max)
        #expect(Duration.nanoseconds(Int64.min).nanoseconds == .min)
        #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).nanoseconds == .max)
        #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).nanoseconds == .min)
    }
}
