import DoormanCore
import DoormanCrypto
import DoormanSupport
import Testing

@testable import JWTVerifier

/// When keys are fetched, on a clock that the test steps.
@Suite("Decisions about fetches of keys")
struct KeySourceStateMachineTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    private static func at(_ seconds: Double) -> Instant { start.advanced(by: .milliseconds(Int64(seconds * 1000))) }

    private static func fetched(
        _ ids: [String], lifetime: Duration? = nil
    ) throws -> Result<KeyFetcher.Fetched, KeyFetchFailure> {
        let keys = try ids.map { try TestKey.p256.get().jwk($0) }
        return .success(
            KeyFetcher.Fetched(keys: try KeySet(Array(Sample.keySet(keys).utf8)), lifetime: lifetime, url: Sample.keysURL))
    }

    private static let failure = Result<KeyFetcher.Fetched, KeyFetchFailure>.failure(.status(503))

    /// A machine that has had its first fetch at the start.
    private static func loaded(_ ids: [String] = ["a"], lifetime: Duration? = nil) throws -> KeySourceStateMachine {
        var machine = KeySourceStateMachine(.init(), at: start)
        _ = machine.periodic(at: start)
        _ = machine.claim(1)
        _ = machine.complete(1, try fetched(ids, lifetime: lifetime), at: start)
        return machine
    }

    /// The text of a lookup: its case and its number.
    private static func text(_ lookup: KeySourceStateMachine.Lookup) -> String {
        switch lookup {
        case .found(let keys): "found \(keys.count)"
        case .unknown: "unknown"
        case .ambiguous: "ambiguous"
        case .begin(let number): "begin \(number)"
        case .join(let number): "join \(number)"
        case .unresolved(let time): "unresolved \(time.components.seconds)"
        case .noKeys(let time): "no keys \(time.components.seconds)"
        }
    }

    private static func text(_ periodic: KeySourceStateMachine.Periodic) -> String {
        switch periodic {
        case .begin(let number): "begin \(number)"
        case .join(let number): "join \(number)"
        case .wait(let moment): "wait \(start.duration(to: moment).components.seconds)"
        }
    }

    @Test("the first fetch is due at once")
    func first() throws {
        var machine = KeySourceStateMachine(.init(), at: Self.start)
        #expect(!machine.hasTried)
        #expect(Self.text(machine.periodic(at: Self.start)) == "begin 1")
        #expect(Self.text(machine.periodic(at: Self.start)) == "join 1")
        _ = machine.complete(1, Self.failure, at: Self.at(1))
        #expect(machine.hasTried)
    }

    @Test(
        "the next fetch comes before the end of the lifetime, within 1 min and 24 h",
        arguments: [
            (nil, 480), (0, 60), (1, 60), (60, 60), (100, 80), (3600, 2880), (86_400, 69_120), (1 << 31, 86_400),
        ] as [(Int64?, Int64)])
    func interval(lifetime: Int64?, seconds: Int64) throws {
        var machine = try Self.loaded(lifetime: lifetime.map { .seconds($0) })
        #expect(Self.text(machine.periodic(at: Self.start)) == "wait \(seconds)")
    }

    @Test("failed fetches are repeated with a back-off of up to a minute")
    func backOff() throws {
        var machine = KeySourceStateMachine(.init(), at: Self.start)
        var now = 0.0
        var waits: [Double] = []
        for number in 1...9 {
            #expect(Self.text(machine.periodic(at: Self.at(now))) == "begin \(number)")
            _ = machine.complete(UInt64(number), Self.failure, at: Self.at(now))
            guard case .wait(let moment) = machine.periodic(at: Self.at(now)) else { throw KeyFetchFailure.busy }
            let wait = Double(Self.at(now).duration(to: moment).components.seconds)
            waits.append(wait)
            now += wait
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60])
        #expect(Self.text(machine.periodic(at: Self.at(now))) == "begin 10")
        _ = machine.complete(10, try Self.fetched(["a"]), at: Self.at(now))
        #expect(Self.text(machine.periodic(at: Self.at(now))) == "wait \(Int(now) + 480)")
    }

    @Test("a fetch on demand that fails leaves the periodic fetch where it was")
    func failedDemand() throws {
        var machine = try Self.loaded()
        let arrival = machine.arrive()
        #expect(Self.text(machine.lookup([9], arrival, at: Self.at(1))) == "begin 2")
        _ = machine.complete(2, Self.failure, at: Self.at(2))
        #expect(Self.text(machine.periodic(at: Self.at(2))) == "wait 480")
        #expect(Self.text(machine.lookup([9], arrival, at: Self.at(2))) == "unresolved 29")
        #expect(machine.unknownCount == 0)
    }

    @Test("there is one fetch on demand in 30 s")
    func budget() throws {
        var machine = try Self.loaded()
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(1))) == "begin 2")
        _ = machine.complete(2, try Self.fetched(["a"]), at: Self.at(2))
        #expect(Self.text(machine.lookup([2], machine.arrive(), at: Self.at(30.9))) == "unresolved 1")
        #expect(Self.text(machine.lookup([2], machine.arrive(), at: Self.at(31))) == "begin 3")
    }

    @Test("the periodic fetch is outside the budget")
    func periodicOutsideBudget() throws {
        var machine = try Self.loaded(lifetime: .seconds(60))
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(59))) == "begin 2")
        _ = machine.complete(2, Self.failure, at: Self.at(59.5))
        #expect(Self.text(machine.periodic(at: Self.at(60))) == "begin 3")
        _ = machine.complete(3, try Self.fetched(["a"]), at: Self.at(61))
        // The periodic fetch has not spent the budget either.
        #expect(Self.text(machine.lookup([2], machine.arrive(), at: Self.at(89))) == "begin 4")
    }

    @Test("a fetch that began before the call arrived proves nothing about its key")
    func earlierFetch() throws {
        var machine = try Self.loaded()
        _ = machine.lookup([1], machine.arrive(), at: Self.at(1))
        let late = machine.arrive()
        #expect(Self.text(machine.lookup([2], late, at: Self.at(1.5))) == "join 2")
        _ = machine.complete(2, try Self.fetched(["a"]), at: Self.at(2))
        #expect(Self.text(machine.lookup([2], late, at: Self.at(2))) == "unresolved 29")
        // The fetch was for this id, which is remembered.
        #expect(Self.text(machine.lookup([1], late, at: Self.at(2))) == "unknown")
    }

    @Test("a fetch that began after the call arrived proves that there is no such key")
    func laterFetch() throws {
        var machine = try Self.loaded()
        let early = machine.arrive()
        _ = machine.lookup([1], machine.arrive(), at: Self.at(1))
        _ = machine.complete(2, try Self.fetched(["a"]), at: Self.at(2))
        #expect(Self.text(machine.lookup([2], early, at: Self.at(2))) == "unknown")
        #expect(Self.text(machine.lookup([2], machine.arrive(), at: Self.at(3))) == "unknown")
    }

    @Test("an unknown key id is forgotten after 30 s")
    func forgotten() throws {
        var machine = try Self.loaded()
        _ = machine.lookup([1], machine.arrive(), at: Self.at(1))
        _ = machine.complete(2, try Self.fetched(["a"]), at: Self.at(2))
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(31.9))) == "unknown")
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(32))) == "begin 3")
    }

    @Test("a remembered key id is known as soon as any fetch shows it")
    func appears() throws {
        var machine = try Self.loaded()
        _ = machine.lookup(Array("b".utf8), machine.arrive(), at: Self.at(1))
        _ = machine.complete(2, try Self.fetched(["a"]), at: Self.at(2))
        #expect(Self.text(machine.lookup(Array("b".utf8), machine.arrive(), at: Self.at(3))) == "unknown")
        _ = machine.periodic(at: Self.at(600))
        _ = machine.complete(3, try Self.fetched(["a", "b"]), at: Self.at(600))
        #expect(Self.text(machine.lookup(Array("b".utf8), machine.arrive(), at: Self.at(600))) == "found 1")
    }

    @Test("the number of remembered key ids is bounded")
    func bounded() throws {
        var policy = KeySourceStateMachine.Policy()
        policy.maximumUnknownIDs = 10
        var machine = KeySourceStateMachine(policy, at: Self.start)
        let arrival = machine.arrive()
        _ = machine.periodic(at: Self.start)
        _ = machine.complete(1, try Self.fetched(["a"]), at: Self.start)
        for id in UInt8(0)..<100 { #expect(Self.text(machine.lookup([200, id], arrival, at: Self.at(1))) == "unknown") }
        #expect(machine.unknownCount == 10)
        // The others cause no false rejection of calls that come later.
        #expect(Self.text(machine.lookup([200, 50], machine.arrive(), at: Self.at(1))) == "begin 2")
        for id in UInt8(100)..<105 { _ = machine.lookup([200, id], arrival, at: Self.at(40)) }
        #expect(machine.unknownCount == 5)
    }

    @Test("without keys, a call joins a fetch, and waits for no second one")
    func withoutKeys() throws {
        var machine = KeySourceStateMachine(.init(), at: Self.start)
        _ = machine.periodic(at: Self.start)
        let arrival = machine.arrive()
        #expect(Self.text(machine.lookup([1], arrival, at: Self.at(0))) == "join 1")
        _ = machine.complete(1, Self.failure, at: Self.at(1))
        #expect(Self.text(machine.lookup([1], arrival, at: Self.at(1))) == "no keys 1")
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(1))) == "begin 2")
        _ = machine.complete(2, Self.failure, at: Self.at(1))
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(1))) == "no keys 1")
    }

    @Test("keys whose next fetch is 24 h overdue are used no more, and this is reported once")
    func expired() throws {
        var machine = try Self.loaded()
        let end = 480.0 + 24 * 3600
        #expect(Self.text(machine.lookup(Array("a".utf8), machine.arrive(), at: Self.at(end - 1))) == "found 1")
        #expect(machine.usableFor(at: Self.at(end - 1)) == .seconds(1))
        _ = machine.periodic(at: Self.at(end))
        let completion = machine.complete(2, Self.failure, at: Self.at(end))
        #expect(completion.event == .expired(.status(503)))
        #expect(completion.removed.isEmpty)
        #expect(machine.usableFor(at: Self.at(end + 1)) == .zero)
        #expect(Self.text(machine.lookup(Array("a".utf8), machine.arrive(), at: Self.at(end))) == "begin 3")
        #expect(machine.complete(3, Self.failure, at: Self.at(end + 1)).event == nil)
        _ = machine.periodic(at: Self.at(end + 100))
        #expect(machine.complete(4, try Self.fetched(["a"]), at: Self.at(end + 100)).event == .loaded(usable: 1, skipped: []))
    }

    @Test(
        "keys outlast the next fetch by 24 h, however long their lifetime is",
        arguments: [nil, 0, 3600, 86_400, 1 << 31] as [Int64?])
    func outlastNextFetch(lifetime: Int64?) throws {
        var machine = try Self.loaded(lifetime: lifetime.map { .seconds($0) })
        guard case .wait(let due) = machine.periodic(at: Self.start) else {
            Issue.record("a fetch is due at once")
            return
        }
        #expect(machine.usableFor(at: due) == .seconds(24 * 3600))
    }

    @Test("only the first task that claims a fetch performs it")
    func claims() throws {
        var machine = try Self.loaded()
        _ = machine.lookup([1], machine.arrive(), at: Self.at(1))
        let claim = machine.claim(2)
        #expect(claim?.knownURL == Sample.keysURL)
        #expect(claim?.isPeriodic == false)
        #expect(machine.claim(2) == nil)
        #expect(machine.claim(1) == nil)
        _ = machine.complete(2, Self.failure, at: Self.at(2))
        #expect(machine.claim(2) == nil)
        #expect(machine.complete(2, try Self.fetched(["b"]), at: Self.at(3)).event == nil)
        _ = machine.periodic(at: Self.at(1000))
        // The periodic fetch looks the URL up again.
        let periodic = machine.claim(3)
        #expect(periodic?.isPeriodic == true)
        #expect(periodic?.knownURL == nil)
    }

    @Test("a failure is reported when it begins, and when its cause changes")
    func reports() throws {
        var machine = try Self.loaded()
        var events: [KeyEvent?] = []
        for (number, result) in [
            (2, Self.failure), (3, Self.failure), (4, .failure(.notJSON)), (5, try Self.fetched(["a"])),
            (6, try Self.fetched(["a"])),
            (7, try Self.fetched(["a", "b"])),
        ] as [(UInt64, Result<KeyFetcher.Fetched, KeyFetchFailure>)] {
            let now = Self.at(Double(number) * 1000)
            _ = machine.periodic(at: now)
            events.append(machine.complete(number, result, at: now).event)
        }
        let end = 480 + 24 * 3600
        #expect(
            events == [
                .fetchFailed(.status(503), keysUsableFor: .seconds(end - 2000)), nil,
                .fetchFailed(.notJSON, keysUsableFor: .seconds(end - 4000)), .loaded(usable: 1, skipped: []), nil,
                .loaded(usable: 2, skipped: []),
            ])
    }

    @Test("keys are taken over with the times of their fetches")
    func takenOver() throws {
        let other = try Self.loaded(lifetime: .seconds(100))
        var machine = KeySourceStateMachine(.init(), at: Self.at(10))
        machine.takeOver(other, at: Self.at(10))
        #expect(machine.hasTried)
        #expect(Self.text(machine.lookup(Array("a".utf8), machine.arrive(), at: Self.at(10))) == "found 1")
        #expect(Self.text(machine.periodic(at: Self.at(10))) == "wait 80")
        #expect(Self.text(machine.lookup([1], machine.arrive(), at: Self.at(10))) == "begin 2")
    }

    @Test("a fetch in flight is not taken over, and a new one may begin at once")
    func takenOverDuringFetch() throws {
        var other = try Self.loaded()
        _ = other.lookup([1], other.arrive(), at: Self.at(40))
        var machine = KeySourceStateMachine(.init(), at: Self.at(41))
        machine.takeOver(other, at: Self.at(41))
        #expect(machine.complete(2, try Self.fetched(["b"]), at: Self.at(41)).event == nil)
        let arrival = machine.arrive()
        #expect(Self.text(machine.lookup([1], arrival, at: Self.at(41))) == "begin 3")
        _ = machine.complete(3, try Self.fetched(["a"]), at: Self.at(42))
        #expect(Self.text(machine.lookup([1], arrival, at: Self.at(42))) == "unknown")
        _ = other.complete(2, Self.failure, at: Self.at(50))
        _ = other.periodic(at: Self.at(480))
        var third = KeySourceStateMachine(.init(), at: Self.at(481))
        third.takeOver(other, at: Self.at(481))
        #expect(Self.text(third.periodic(at: Self.at(481))) == "begin 4")
    }

    @Test("without keys to take over, or after a fetch has begun, a machine goes on by itself")
    func notTakenOver() throws {
        var failing = KeySourceStateMachine(.init(), at: Self.start)
        _ = failing.periodic(at: Self.start)
        _ = failing.complete(1, Self.failure, at: Self.start)
        var machine = KeySourceStateMachine(.init(), at: Self.at(0.5))
        machine.takeOver(failing, at: Self.at(0.5))
        #expect(!machine.hasTried)
        #expect(Self.text(machine.periodic(at: Self.at(0.5))) == "begin 1")
        machine.takeOver(try Self.loaded(), at: Self.at(0.5))
        #expect(!machine.hasTried)
        #expect(Self.text(machine.periodic(at: Self.at(0.5))) == "join 1")
        var late = KeySourceStateMachine(.init(), at: Self.at(25 * 3600))
        late.takeOver(try Self.loaded(), at: Self.at(25 * 3600))
        #expect(!late.hasTried)
    }
}
