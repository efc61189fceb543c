import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanGovernor

/// Callers that come back when they were told to, against a governor in virtual time.
private struct ClosedLoop {
    struct Result {
        var calls = 0
        var responses = 0
        /// The maximum number of calls that one caller made.
        var mostCallsOfACaller = 0
        var seconds = 0.0
    }

    /// The time that a caller gives each call.
    var timeout: Duration = .seconds(2)
    /// The provider's latency.
    var latency: Duration = .milliseconds(20)
    var callers = 400
    /// The event before the callers arrive.
    var prelude: (inout GovernorStateMachine, Instant) -> Void = { _, _ in }

    /// Runs until each caller has a response, for ten minutes at most.
    func run(_ settings: GovernorSettings) throws -> Result {
        var machine = GovernorStateMachine(settings: settings, seed: 1)
        let start = Instant(nanoseconds: 1_000_000_000_000)
        prelude(&machine, start)
        var result = Result()
        var due = [Instant?](repeating: start, count: callers)
        var callsByCaller = [Int](repeating: 0, count: callers)
        var callerByTicket: [UInt64: Int] = [:]
        var inFlight: [(end: Instant, permit: Permit)] = []
        var ticket: UInt64 = 0

        func resolve(_ caller: Int, _ outcome: Swift.Result<Permit, VerificationError>, _ now: Instant) throws {
            switch outcome {
            case .success(let permit):
                inFlight.append((now.advanced(by: latency), permit))
                result.responses += 1
            case .failure(let error):
                due[caller] = now.advanced(by: try #require(error.retryAfter, "\(error.message)"))
            }
        }
        func resolve(_ resolutions: [GovernorStateMachine.Resolution], _ now: Instant) throws {
            for resolution in resolutions {
                try resolve(try #require(callerByTicket[resolution.ticket]), resolution.result, now)
            }
        }

        var now = start
        while result.responses < callers || !inFlight.isEmpty, start.duration(to: now) < .seconds(600) {
            let ended = inFlight.filter { $0.end <= now }
            inFlight.removeAll { $0.end <= now }
            for (_, permit) in ended { try resolve(machine.finish(permit, .responded, now: now), now) }
            try resolve(machine.timePassed(now: now), now)
            for caller in due.indices {
                guard let time = due[caller], time <= now else { continue }
                due[caller] = nil
                result.calls += 1
                callsByCaller[caller] += 1
                ticket += 1
                callerByTicket[ticket] = caller
                let deadline = Deadline(now.advanced(by: timeout))
                if case .immediate(let outcome) = machine.requestPermit(ticket, .demand, deadline: deadline, now: now) {
                    try resolve(caller, outcome, now)
                }
            }
            now = now.advanced(by: .milliseconds(1))
        }
        result.mostCallsOfACaller = callsByCaller.max() ?? 0
        result.seconds = start.duration(to: now) / .seconds(1)
        return result
    }
}

@Suite("Many callers that come back when they were told to")
struct HerdTests {
    private static let settings = {
        var settings = GovernorSettings()
        settings.callsPerSecond = 100
        settings.callsBurst = 1
        return settings
    }()

    @Test(
        "a rate limit makes callers call about twice each",
        arguments: [Duration.milliseconds(100), .milliseconds(500), .seconds(2)])
    func rate(timeout: Duration) throws {
        let result = try ClosedLoop(timeout: timeout).run(Self.settings)
        #expect(result.responses == 400)
        #expect(result.calls <= 820)
        #expect(result.mostCallsOfACaller <= 3)
        #expect(result.seconds < 6)
    }

    @Test("a full queue makes callers call about twice each")
    func fullQueue() throws {
        var settings = Self.settings
        settings.maximumWaiting = 10
        let result = try ClosedLoop(timeout: .seconds(60)).run(settings)
        #expect(result.responses == 400)
        #expect(result.calls <= 820)
        #expect(result.mostCallsOfACaller <= 3)
        #expect(result.seconds < 6)
    }

    @Test("a concurrency limit makes callers call about twice each")
    func concurrency() throws {
        var settings = GovernorSettings()
        settings.concurrentCalls = 4
        // 40 calls per second.
        let result = try ClosedLoop(timeout: .seconds(1), latency: .milliseconds(100)).run(settings)
        #expect(result.responses == 400)
        #expect(result.calls <= 820)
        #expect(result.mostCallsOfACaller <= 3)
        #expect(result.seconds < 15)
    }

    @Test("the end of a back-off makes callers call twice each")
    func backOff() throws {
        let loop = ClosedLoop(timeout: .milliseconds(500)) { machine, now in _ = machine.noteUsage(percent: 100, now: now) }
        let result = try loop.run(Self.settings)
        #expect(result.responses == 400)
        #expect(result.calls <= 820)
        #expect(result.mostCallsOfACaller <= 3)
        #expect(result.seconds < 7)
    }

    @Test("the end of an open circuit breaker makes callers call about twice each")
    func circuitBreaker() throws {
        var settings = Self.settings
        settings.circuitBreaker.consecutiveFailures = 1
        let loop = ClosedLoop(timeout: .milliseconds(500)) { machine, now in
            let deadline = Deadline(now.advanced(by: .seconds(1)))
            guard case .immediate(.success(let permit)) = machine.requestPermit(1 << 40, .demand, deadline: deadline, now: now)
            else { return }
            _ = machine.finish(permit, .failed, now: now)
        }
        let result = try loop.run(settings)
        #expect(result.responses == 400)
        #expect(result.calls <= 820)
        #expect(result.mostCallsOfACaller <= 3)
        #expect(result.seconds < 8)
    }
}
