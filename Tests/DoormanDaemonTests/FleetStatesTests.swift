import DoormanCore
import DoormanSupport
import Logging
import RedisStore
import TestKit
import Testing

@testable import DoormanDaemon
@testable import DoormanFleet

@Suite("The lines of a fleet's states")
struct FleetStatesTests {
    /// The states, and what they log about statistics that a test changes.
    private struct Scene {
        var statistics = FleetStatistics()
        var states: FleetStates
        private let recorder = LogRecorder()
        private var now = Instant(nanoseconds: 0)

        init() {
            let store = RedisStoreSettings(addresses: [HostAndPort(host: "store", port: 6379)], usesTLS: true)
            states = FleetStates(bound: .seconds(68), store: store)
            statistics.server = StoreServer(runID: "1", version: "redis 7.0.15", persistence: .appendOnlyFile)
            statistics.caughtUpAge = .zero
        }

        /// Looks, and returns the new lines.
        mutating func look(after step: Duration = .seconds(1)) -> [String] {
            let before = recorder.lines.count
            now = now.advanced(by: step)
            let recorder = recorder
            states.look(statistics, Logger(label: "test", factory: { _ in recorder }), at: now)
            return Array(recorder.lines.dropFirst(before))
        }
    }

    @Test("each process of the store has a line when the server connects to it")
    func connected() {
        var scene = Scene()
        #expect(scene.look() == [#"info connected to the fleet's store store=["store:6379"] version=redis 7.0.15"#])
        #expect(scene.look() == [])
        scene.statistics.server?.runID = "2"
        scene.statistics.server?.persistence = .none
        let lines = scene.look()
        #expect(
            lines.count == 2 && lines[1].hasPrefix("warning the fleet's store may forget revocations cause=The store keeps nothing")
        )
    }

    @Test("a store that is away has a line with the cause, and one when it is back")
    func unreachable() {
        var scene = Scene()
        _ = scene.look()
        let server = scene.statistics.server
        (scene.statistics.server, scene.statistics.lastFailure) = (nil, "store:6379: connection refused")
        #expect(
            scene.look() == [
                #"warning the fleet's store is unreachable: calls go on without the other servers cause=store:6379: connection refused store=["store:6379"]"#
            ])
        #expect(scene.look() == [])
        scene.statistics.server = server
        #expect(scene.look(after: .seconds(9)) == [])
        #expect(scene.look() == ["notice the fleet's store is reachable again duration=1 s"])
    }

    @Test("a store that is lost and found each second has one line")
    func unsteady() {
        var scene = Scene()
        _ = scene.look()
        let server = scene.statistics.server
        var lines: [String] = []
        for round in 0..<20 {
            scene.statistics.lastFailure = "store:6379: connection reset"
            scene.statistics.server = round.isMultiple(of: 2) ? nil : server
            lines += scene.look()
        }
        #expect(lines.count == 1 && lines[0].hasPrefix("warning the fleet's store is unreachable"))
    }

    @Test("a store that takes no writes has a line with the cause, and is not called unreachable", arguments: [false, true])
    func full(loses: Bool) {
        var scene = Scene()
        _ = scene.look()
        let server = scene.statistics.server
        var lines: [String] = []
        scene.statistics.lastFailure = "has no memory left"
        for round in 1...20 {
            scene.statistics.counts.storeFailures[.full] = UInt64(round)
            if loses {
                scene.statistics.counts.sessions &+= 1
                scene.statistics.server = round.isMultiple(of: 2) ? server : nil
            }
            lines += scene.look()
        }
        #expect(
            lines == [
                "error the fleet's store takes no writes: revocations of this server don't reach the others "
                    + #"cause=has no memory left store=["store:6379"]"#
            ])
        scene.statistics.server = server
        #expect(scene.look(after: .seconds(10)) == ["notice the fleet's store takes writes again duration=19 s refusals=20"])
    }

    @Test("a store that refuses every session is unreachable")
    func refusedSessions() {
        var scene = Scene()
        _ = scene.look()
        scene.statistics.server = nil
        scene.statistics.lastFailure = "refuses a command (WRONGPASS)"
        scene.statistics.counts.storeFailures[.refused] = 1
        let lines = scene.look()
        #expect(lines.count == 1 && lines[0].hasPrefix("warning the fleet's store is unreachable"))
    }

    @Test("a server beyond the bound has a line, also if it has never read the log")
    func behind() {
        var scene = Scene()
        _ = scene.look()
        scene.statistics.caughtUpAge = .seconds(68)
        #expect(scene.look() == [])
        scene.statistics.caughtUpAge = .seconds(69)
        #expect(scene.look().map { $0.hasPrefix("error this server may not know revocations of other ser") } == [true])
        scene.statistics.caughtUpAge = .zero
        #expect(scene.look() == ["notice this server knows the revocations of other servers again duration=0 s"])
        var new = Scene()
        new.statistics.caughtUpAge = nil
        #expect(new.look().count == 1)
        #expect(new.look(after: .seconds(68)) == [])
        #expect(new.look().count == 1)
    }

    @Test("what no server of the fleet wrote has a line, and what is out of date has none")
    func foreign() {
        var scene = Scene()
        _ = scene.look()
        scene.statistics.counts.entriesRejected = [.revoked: 3, .epoch: 1, .configuration: 1, .expired: 1]
        #expect(scene.look() == [])
        scene.statistics.counts.recordsRejected = [.forged: 2]
        #expect(scene.look().map { $0.prefix(41) } == ["error the fleet's store holds what no ser"])
        #expect(
            scene.look(after: .seconds(60)) == [
                "notice the fleet's store no longer shows what no server of this fleet wrote duration=0 s records=2"
            ])
    }

    @Test("losses and a full denial list have lines")
    func losses() {
        var scene = Scene()
        _ = scene.look()
        scene.statistics.counts.losses = 1
        scene.statistics.isDenialListFull = true
        #expect(
            scene.look() == [
                "warning the fleet's log has lost records: the cache was emptied ",
                "error the denial list is full: revocations of other servers wait setting=cache.max-denials",
            ])
        scene.statistics.isDenialListFull = false
        #expect(scene.look() == ["notice the denial list has room again for revocations of other servers duration=0 s"])
    }
}
