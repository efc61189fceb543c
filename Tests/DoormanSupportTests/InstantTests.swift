import DoormanSupport
import Testing

@Suite("Moments on the monotonic clock")
struct InstantTests {
    @Test("steps forward and back")
    func steps() {
        let start = Instant(nanoseconds: 1000)
        #expect(start.advanced(by: .nanoseconds(5)) == Instant(nanoseconds: 1005))
        #expect(start.advanced(by: .nanoseconds(-5)) == Instant(nanoseconds: 995))
        #expect(start.advanced(by: .zero) == start)
    }

    @Test("steps are clamped to the minimum and the maximum")
    func edges() {
        #expect(Instant(nanoseconds: 4).advanced(by: .nanoseconds(-5)) == Instant(nanoseconds: 0))
        #expect(Instant(nanoseconds: .max - 4).advanced(by: .nanoseconds(5)) == .distantFuture)
        #expect(Instant.distantFuture.advanced(by: .seconds(1)) == .distantFuture)
        #expect(Instant(nanoseconds: 0).advanced(by: .seconds(Int64.max)) == Instant(nanoseconds: UInt64(Int64.max)))
        #expect(Instant(nanoseconds: 7).advanced(by: .seconds(Int64.min)) == Instant(nanoseconds: 0))
    }

    @Test("the durations in both directions differ only in their sign")
    func durations() {
        let early = Instant(nanoseconds: 10)
        let late = Instant(nanoseconds: 25)
        #expect(early.duration(to: late) == .nanoseconds(15))
        #expect(late.duration(to: early) == .nanoseconds(-15))
        #expect(late.duration(to: late) == .zero)
    }

    @Test("a duration that is too long is clamped")
    func longestDuration() {
        let start = Instant(nanoseconds: 0)
        #expect(start.duration(to: .distantFuture) == .nanoseconds(Int64.max))
        #expect(Instant.distantFuture.duration(to: start) == .nanoseconds(-Int64.max))
    }

    @Test("earlier moments are less than later ones")
    func order() {
        #expect(Instant(nanoseconds: 1) < Instant(nanoseconds: 2))
        #expect(Instant(nanoseconds: .max - 1) < .distantFuture)
    }
}

@Suite("Deadlines")
struct DeadlineTests {
    let deadline = Deadline(Instant(nanoseconds: 100))

    @Test("a deadline passes exactly at its moment")
    func passes() {
        #expect(!deadline.hasPassed(at: Instant(nanoseconds: 99)))
        #expect(deadline.hasPassed(at: Instant(nanoseconds: 100)))
        #expect(deadline.hasPassed(at: .distantFuture))
    }

    @Test("the remaining time is never negative")
    func remaining() {
        #expect(deadline.remaining(at: Instant(nanoseconds: 40)) == .nanoseconds(60))
        #expect(deadline.remaining(at: Instant(nanoseconds: 100)) == .zero)
        #expect(deadline.remaining(at: Instant(nanoseconds: 5000)) == .zero)
    }

    @Test("a deadline in the distant future never passes")
    func distant() {
        let distant = Deadline(.distantFuture)
        #expect(!distant.hasPassed(at: Instant(nanoseconds: .max - 1)))
        #expect(distant.remaining(at: Instant(nanoseconds: 0)) == .nanoseconds(Int64.max))
    }

    @Test("earlier deadlines are less than later ones")
    func order() {
        #expect(deadline < Deadline(Instant(nanoseconds: 101)))
        #expect(min(deadline, Deadline(.distantFuture)) == deadline)
    }
}

@Suite("Durations in nanoseconds")
struct DurationNanosecondsTests {
    @Test(
        "durations are rounded toward zero to whole nanoseconds",
        arguments: [
            (.zero, 0), (.seconds(1), 1_000_000_000), (.nanoseconds(1), 1), (.nanoseconds(-1), -1),
            (.milliseconds(-1500), -1_500_000_000), (.init(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
        ] as [(Duration, Int64)])
    func whole(_ duration: Duration, _ nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }

    @Test("durations that are too long are clamped")
    func ends() {
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.min).nanoseconds == .min)
        #expect(Duration.nanoseconds(Int64.max).nanoseconds == .max)
        #expect(Duration.nanoseconds(Int64.min).nanoseconds == .min)
        #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).nanoseconds == .max)
        #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).nanoseconds == .min)
    }
}
