import DoormanBench
import DoormanCore
import DoormanWire
import NIOCore
import Testing

@Suite("A load")
struct LoadTests {
    /// Returns the latencies of a server that responds within a millisecond, except during one second out of ten.
    private func latency(ofStallAt rate: Int?) throws -> LatencySummary {
        var load = try SteppedLoad(connections: rate == nil ? 1 : 10, depth: rate == nil ? 1 : 16, rate: rate)
        load.perform()
        while !load.isFinished, load.elapsed < .seconds(20) {
            load.pass(.milliseconds(1))
            if !(Duration.seconds(4)..<Duration.seconds(5)).contains(load.elapsed) { load.respondToAll() }
        }
        #expect(load.load.counters.failed.isEmpty)
        return try #require(load.load.counters.latencies.summary)
    }

    @Test("counts a stall in the latency of each call that was due meanwhile")
    func coordinatedOmission() throws {
        let open = try latency(ofStallAt: 1000)
        // A tenth of the ten thousand calls were due in that second and waited for the rest of it.
        #expect(open.count == 10_000)
        #expect(open[.p50] <= .milliseconds(2))
        #expect((.milliseconds(880)...(.milliseconds(920))).contains(open[.p99]), "\(open[.p99])")
        #expect((.milliseconds(980)...(.milliseconds(1010))).contains(open.max), "\(open.max)")
        // A closed loop shows one slow call for the same server.
        let closed = try latency(ofStallAt: nil)
        #expect(closed[.p99] <= .milliseconds(2), "\(closed[.p99])")
        #expect(closed.max >= .milliseconds(990))
    }

    @Test("keeps every slot busy in a closed loop")
    func closedLoop() throws {
        var load = try SteppedLoad(connections: 2, depth: 2)
        load.perform()
        #expect(load.waiting.count == 4)
        #expect(load.waiting.filter { $0.connection == 0 }.count == 2)
        for _ in 0..<100 {
            load.respondToAll()
            #expect(load.waiting.count == 4)
            #expect(load.waiting.allSatisfy { $0.streamID.isOdd })
            #expect(Set(load.waiting.map { [UInt32($0.connection), $0.streamID.rawValue] }).count == 4)
        }
        #expect(load.load.counters.identified == 400)
        let texts = load.waiting.map { String(decoding: $0.data, as: UTF8.self) }
        for token in ["EMAWfirst", "EMAWsecond", "EMAWthird"] { #expect(texts.contains { $0.contains(token) }) }
    }

    @Test("counts exactly the calls that were due within the window")
    func window() throws {
        var load = try SteppedLoad(connections: 1, depth: 4, rate: 10, warmUp: .seconds(1), duration: .seconds(2))
        load.perform()
        while !load.isFinished, load.elapsed < .seconds(10) {
            load.pass(.milliseconds(50))
            // The last calls get their responses after the end.
            if load.elapsed < .milliseconds(2800) || load.elapsed > .milliseconds(3500) { load.respondToAll() }
        }
        #expect(load.load.counters.identified == 20)
        #expect(load.load.counters.responses == 18)
        #expect(load.elapsed > .milliseconds(3500) && load.elapsed < .seconds(4))
    }

    @Test("ignores a response after the deadline")
    func deadline() throws {
        var load = try SteppedLoad(connections: 1, depth: 1, timeout: .seconds(2))
        load.perform()
        let first = try #require(load.waiting.first)
        load.pass(.milliseconds(1999))
        #expect(load.load.counters.failed.isEmpty)
        load.pass(.milliseconds(1))
        #expect(load.load.counters.failed == ["DEADLINE": 1])
        #expect(load.waiting.count == 2)
        load.respond(first)
        #expect(load.load.counters.identified == 0 && load.closed.isEmpty)
        load.respondToAll()
        #expect(load.load.counters.identified == 1)
        #expect(load.load.counters.latencies.summary?.max == .seconds(2))
    }

    @Test("counts a call that found no slot in time")
    func notSent() throws {
        var load = try SteppedLoad(connections: 1, depth: 1, rate: 100, duration: .seconds(5), timeout: .seconds(1))
        load.perform()
        while !load.isFinished, load.elapsed < .seconds(10) { load.pass(.milliseconds(10)) }
        #expect(load.elapsed <= .seconds(7))
        #expect(load.load.counters.failed.values.reduce(0, +) == 500)
        #expect(load.load.counters.failed.keys.sorted() == ["DEADLINE", "NOT_SENT"])
        #expect(load.load.counters.failed["DEADLINE"].map { $0 <= 7 } == true, "\(load.load.counters.failed)")
        #expect(load.load.counters.latencies.summary?.percentiles.allSatisfy { $0.latency >= .milliseconds(999) } == true)
    }

    @Test("measures the capacity of an overloaded server")
    func overload() throws {
        var load = try SteppedLoad(connections: 1, depth: 1, rate: 100, duration: .seconds(10), timeout: .seconds(1))
        load.perform()
        while !load.isFinished, load.elapsed < .seconds(20) {
            load.pass(.milliseconds(20))
            load.respondToAll()
        }
        #expect((490...510).contains(load.load.counters.responses))
        #expect(load.load.counters.identified >= 500 && load.load.counters.failed.keys.sorted() == ["NOT_SENT"])
    }

    @Test("fails the calls of a connection that ends")
    func lost() throws {
        var load = try SteppedLoad(connections: 2, depth: 2)
        load.perform()
        load.pass(.seconds(1))
        load.end(0)
        #expect(load.load.counters.failed == ["CONNECTION_LOST": 2])
        load.respondToAll()
        #expect(load.load.counters.identified == 2)
        #expect(load.waiting.allSatisfy { $0.connection == 1 } && load.waiting.count == 2)
        load.end(1)
        #expect(load.isFinished)
        #expect(load.load.connectionsLost == 2)
        #expect(load.load.window.length == .seconds(1))
    }

    @Test("closes the connection of a draining server after its last response")
    func draining() throws {
        var load = try SteppedLoad(connections: 1, depth: 2)
        load.perform()
        load.respond(load.waiting[0], with: SteppedLoad.failure(.draining))
        load.perform()
        #expect(load.waiting.count == 1 && load.closed.isEmpty)
        load.respondToAll()
        #expect(load.closed == [0] && load.isFinished)
        #expect(load.load.counters.failed == ["DRAINING": 1] && load.load.counters.identified == 1)
    }

    @Test("ends a connection at a stray response", arguments: [2, 99, 1])
    func strayResponse(streamID: UInt32) throws {
        var load = try SteppedLoad(connections: 1, depth: 1)
        load.perform()
        load.respondToAll()
        let stray = SteppedLoad.Sent(connection: 0, streamID: StreamID(streamID), data: [])
        load.respond(stray)
        load.perform()
        #expect(load.closed == [0])
        #expect(load.load.counters.failed == ["PROTOCOL_VIOLATION": 1])
    }

    @Test("counts malformed responses and bytes as protocol violations")
    func violation() throws {
        var load = try SteppedLoad(connections: 1, depth: 2)
        load.perform()
        load.respond(load.waiting[0], with: [])
        load.perform()
        #expect(load.load.counters.failed == ["PROTOCOL_VIOLATION": 1])
        load.receive(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n"), on: 0)
        load.perform()
        #expect(load.closed == [0])
        #expect(load.load.counters.failed == ["PROTOCOL_VIOLATION": 3])
    }

    @Test("counts a failure by its reason in the contract", arguments: Failure.allCases)
    func reasons(failure: Failure) throws {
        var load = try SteppedLoad(connections: 1, depth: 1)
        load.perform()
        load.respondToAll(with: SteppedLoad.failure(failure))
        let name = failure.row.reason ?? failure.row.code.description
        let isRejection = failure.row.code == .unauthenticated || failure == .malformedToken
        #expect(load.load.counters.rejected == (isRejection ? [name: 1] : [:]))
        #expect(load.load.counters.failed == (isRejection ? [:] : [name: 1]))
    }

    @Test("finishes the calls in flight when it is stopped")
    func stopped() throws {
        var load = try SteppedLoad(connections: 1, depth: 1, rate: 10)
        load.perform()
        load.pass(.milliseconds(350))
        load.stop()
        #expect(!load.isFinished)
        while load.waiting.count > 0 { load.respondToAll() }
        #expect(load.isFinished)
        #expect(load.load.counters.identified == 4)
        #expect(load.load.window.length == .milliseconds(350))
    }

    @Test("sets its timer to the next event")
    func timers() throws {
        var load = try SteppedLoad(connections: 1, depth: 1, rate: 10, timeout: .seconds(2))
        load.perform()
        // No slot is free, so the next event is the deadline of the call in flight.
        #expect(load.load.nextTimer(at: load.now) == SteppedLoad.start.advanced(by: .seconds(2)))
        load.respondToAll()
        #expect(load.load.nextTimer(at: load.now) == SteppedLoad.start.advanced(by: .milliseconds(100)))
    }
}
