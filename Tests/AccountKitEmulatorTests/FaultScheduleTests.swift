import AccountKitEmulator
import NIOConcurrencyHelpers
import Testing

@Suite("Fault schedules")
struct FaultScheduleTests {
    /// An emulator state with a stepped clock and seeded random numbers.
    private struct Scene {
        private let elapsed = NIOLockedValueBox<Duration>(.zero)
        var state: EmulatorState

        init(seed: UInt64 = 1) throws {
            var settings = EmulatorSettings(apps: [Apps.second])
            let start = ContinuousClock.now
            settings.clock = { [elapsed] in start.advanced(by: elapsed.withLockedValue { $0 }) }
            settings.faultSeed = seed
            state = try EmulatorState(settings: settings)
        }

        func advance(milliseconds: Int) {
            elapsed.withLockedValue { $0 += .milliseconds(milliseconds) }
        }

        mutating func set(_ query: String) {
            let response = state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault?" + query))
            #expect(response.script.status == 200, "\(query)")
        }

        /// Returns the statuses of `count` calls of `me`.
        mutating func me(_ count: Int = 1) -> [Int] {
            (0..<count).map { _ in
                state.respond(to: GraphRequest(method: "GET", target: "/v1.3/me?access_token=EMAWsecond")).script.status
            }
        }

        mutating func listing() -> String {
            Wire(state.respond(to: GraphRequest(method: "GET", target: "/emulator/fault")).script).body
        }
    }

    @Test("a probability affects the same calls for the same seed", arguments: ["0.25", "25%", "25%25"])
    func probability(text: String) throws {
        var (one, same, other) = (try Scene(), try Scene(), try Scene(seed: 2))
        let query = "name=bad-gateway&probability=\(text)"
        one.set(query)
        same.set(query)
        other.set(query)
        let statuses = one.me(1000)
        #expect((200...300).contains(statuses.count { $0 == 502 }))
        #expect(same.me(1000) == statuses)
        #expect(other.me(1000) != statuses)
    }

    @Test("the probabilities 0 and 1 are exact", arguments: [("0", 0), ("0%", 0), ("1", 100), ("100%", 100)])
    func certainty(text: String, affected: Int) throws {
        var scene = try Scene()
        scene.set("name=bad-gateway&probability=\(text)")
        #expect(scene.me(100).count { $0 == 502 } == affected)
    }

    @Test("a count applies to affected calls only")
    func countAndProbability() throws {
        var scene = try Scene()
        scene.set("name=bad-gateway&probability=0.5&times=10")
        let statuses = scene.me(200)
        #expect(statuses.count { $0 == 502 } == 10)
        #expect(statuses.prefix(10).contains(200))
    }

    @Test("a time window follows the clock to the millisecond")
    func window() throws {
        var scene = try Scene()
        scene.set("name=bad-gateway&after_milliseconds=1000&for_milliseconds=500")
        #expect(scene.me() == [200])
        scene.advance(milliseconds: 999)
        #expect(scene.me() == [200])
        scene.advance(milliseconds: 1)
        #expect(scene.me(3) == [502, 502, 502])
        scene.advance(milliseconds: 499)
        #expect(scene.me() == [502])
        scene.advance(milliseconds: 1)
        #expect(scene.me() == [200])
        #expect(scene.listing() == "{\"faults\":[]}\n")
    }

    @Test("a call must meet every condition of a schedule")
    func all() throws {
        var scene = try Scene()
        scene.set("name=throttled&endpoint=me&times=2&probability=0.5&after_milliseconds=10&for_milliseconds=10")
        #expect(scene.me(20).allSatisfy { $0 == 200 })
        scene.advance(milliseconds: 10)
        #expect(scene.me(50).count { $0 == 403 } == 2)
        scene.set("name=throttled&times=2&for_milliseconds=10")
        scene.advance(milliseconds: 10)
        #expect(scene.me() == [200])
    }

    @Test("a call that the endpoint's fault does not affect can get the fault of all endpoints")
    func precedence() throws {
        var scene = try Scene()
        scene.set("name=throttled")
        scene.set("name=bad-gateway&endpoint=me&after_milliseconds=5&for_milliseconds=5")
        #expect(scene.me() == [403])
        scene.advance(milliseconds: 5)
        #expect(scene.me() == [502])
        scene.advance(milliseconds: 5)
        #expect(scene.me() == [403])
    }

    @Test("the listing has the faults with their remaining amounts")
    func listing() throws {
        var scene = try Scene()
        #expect(scene.listing() == "{\"faults\":[]}\n")
        scene.set("name=latency&milliseconds=7&times=3&probability=50%25&after_milliseconds=100&for_milliseconds=1000")
        scene.set("name=hang&endpoint=logout")
        #expect(
            scene.listing() == #"""
                {"faults":[{"name":"hang","endpoint":"logout","probability":1.0,"after_milliseconds":0},\#
                {"name":"latency","milliseconds":7,"times":3,"probability":0.5,"after_milliseconds":100,"for_milliseconds":1000}]}

                """#)
        scene.set("name=latency&milliseconds=7&times=3&after_milliseconds=100&for_milliseconds=1000")
        scene.advance(milliseconds: 350)
        _ = scene.me()
        #expect(
            scene.listing().contains(#""times":2,"probability":1.0,"after_milliseconds":0,"for_milliseconds":750}"#))
    }

    @Test("the listing names every fault with its parameters")
    func names() throws {
        var scene = try Scene()
        let error = Wire(scene.state.respond(to: GraphRequest(method: "POST", target: "/emulator/fault")).script).body
        for match in error.matches(of: /([a-z]+(?:-[a-z]+)*)(?: \(([^)]*)\))?(?=[,"])/) {
            let name = String(match.output.1)
            guard name != "error" else { continue }
            let parameters = match.output.2.map { $0.split(separator: ", ") } ?? []
            scene.set("name=\(name)&" + parameters.joined(separator: "&"))
            let expected = [#""name":"\#(name)""#] + parameters.map { "\"" + $0.replacing("=", with: "\":") }
            #expect(scene.listing().contains("{" + expected.joined(separator: ",") + ",\"probability\""), "\(name)")
        }
    }

    @Test("the library sets a fault with a schedule")
    func library() async throws {
        var settings = EmulatorSettings(port: 0, apps: [Apps.second])
        let elapsed = NIOLockedValueBox<Duration>(.zero)
        let start = ContinuousClock.now
        settings.clock = { start.advanced(by: elapsed.withLockedValue { $0 }) }
        let emulator = try AccountKitEmulator(settings: settings)
        try await emulator.start()
        emulator.setFault(.badGateway, for: .me, calls: 1, probability: 1, after: .seconds(1), lasting: .seconds(1))
        func me() async throws -> Int {
            let client = try await HTTPClient(port: emulator.port)
            client.get("/v1.3/me?access_token=EMAWsecond")
            let response = try await client.response()
            await client.close()
            return response.status
        }
        #expect(try await me() == 200)
        elapsed.withLockedValue { $0 = .seconds(1) }
        #expect(try await me() == 502)
        #expect(try await me() == 200)
        let connections = emulator.statistics.connections
        #expect(connections.accepted == 3)
        #expect(connections.http2 == 0)
        try await emulator.stop()
        #expect(emulator.statistics.connections.open == 0)
    }
}
