import DoormanCache
import DoormanCore
import DoormanSupport
import DoormanWire
import Testing

@testable import DoormanFleet

/// What a node concludes from the log, step by step. The simulation plays the same rules against a store that fails and lies.
@Suite("The log as a node knows it")
struct LogStateTests {
    private static let bound = Duration.seconds(8)
    private static let other = NodeID(bytes: Array(repeating: 1, count: NodeID.byteCount))
    private static let gone = NodeID(bytes: Array(repeating: 2, count: NodeID.byteCount))
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    @Test("a node keeps records for as long as another live one needs them")
    func keptForOthers() {
        var scene = Scene()
        let wallTime = Sample.time(100_000_000)
        let (own, before) = (scene.log.keptFrom(wallTime: wallTime), Heartbeat(number: 1, lastRevocation: 0, applied: .zero))
        scene.read(Self.other, .heartbeat(before))
        #expect(scene.log.keptFrom(wallTime: wallTime) >= own)
        var heartbeat = Heartbeat(number: 2, lastRevocation: 0, applied: .zero, epoch: "one", retention: .seconds(900))
        scene.read(Self.other, .heartbeat(heartbeat))
        #expect(scene.log.keptFrom(wallTime: wallTime) < own)
        (heartbeat.number, heartbeat.isLast) = (3, true)
        scene.read(Self.other, .heartbeat(heartbeat))
        #expect(scene.log.keptFrom(wallTime: wallTime) >= own)
        #expect(scene.log.nextHeartbeat(.regular, now: scene.now)?.retention ?? .zero > .zero)
    }

    /// A node that has read an old log to its end.
    private struct Scene {
        var log: LogState
        var now = start
        private var id = LogID(1_000_000, 0)

        init(epoch: String = "one", acknowledgement: FleetSettings.Acknowledgement = .log) {
            var settings = FleetSettings(revocationBound: bound, cache: CacheSettings(), callTimeout: .seconds(2))
            settings.acknowledgement = acknowledgement
            log = LogState(node: Sample.node, settings: settings)
            log.beginReplay(of: LogID(1, 0)...id, wallTime: Sample.time(1_000_000))
            // The epoch has lasted for a while.
            log.finish(
                FleetRecord(
                    node: gone, .heartbeat(Heartbeat(number: 1, lastRevocation: 0, applied: .zero, isLast: true, epoch: epoch))),
                at: LogID(id.milliseconds - 6000, 0), keys: [], now: now)
            log.skip(id)
            log.endReplay()
            log.begin(epoch, floor: .zero, now: now)
        }

        /// A node that has just started, and reads in an old log what the other node has said.
        init(hearing heartbeat: Heartbeat, acknowledgement: FleetSettings.Acknowledgement = .log) {
            var settings = FleetSettings(revocationBound: bound, cache: CacheSettings(), callTimeout: .seconds(2))
            settings.acknowledgement = acknowledgement
            log = LogState(node: Sample.node, settings: settings)
            log.beginReplay(of: LogID(1, 0)...LogID(1_000_001, 0), wallTime: Sample.time(1_000_001))
            read(other, .heartbeat(heartbeat))
            // Later by the bound.
            id = LogID(id.milliseconds + 8000, 0)
            log.skip(id)
            log.endReplay()
            log.begin("one", floor: .zero, now: now)
        }

        /// Reads the next record.
        @discardableResult
        mutating func read(_ node: NodeID, _ content: FleetRecord.Content) -> LogState.Finding {
            id = LogID(id.milliseconds + 1, 0)
            let record = FleetRecord(node: node, content)
            let finding = log.examine(record)
            log.finish(record, at: id, keys: [Sample.key], now: now)
            return finding
        }

        mutating func hear(_ number: UInt64, lastRevocation: UInt64, _ occasion: LogState.HeartbeatOccasion = .regular) -> Bool {
            read(
                other,
                .heartbeat(
                    Heartbeat(number: number, lastRevocation: lastRevocation, applied: log.applied, isLast: occasion == .end))
            ).showsLoss
        }

        /// Sends a heartbeat each second, and reads it back.
        mutating func beat(for time: Duration) {
            for _ in 0..<time.components.seconds {
                now = now.advanced(by: .seconds(1))
                beat()
            }
        }

        /// Sends a heartbeat and reads it back.
        mutating func beat() {
            guard let heartbeat = log.nextHeartbeat(.epoch, now: now) else { return }
            read(Sample.node, .heartbeat(heartbeat))
        }

        var position: LogID { id }
    }

    private static let revocation = Revocation.token(
        [Revocation.KeyOfToken(secret: SecretID(bytes: Array(0..<8)), key: Sample.key)], .after(.seconds(60)))

    @Test("a heartbeat counts once it is read back, from the time at which it was sent")
    func readBack() throws {
        var scene = Scene()
        let next = scene.log.nextHeartbeat(.regular, now: scene.now)
        let heartbeat = try #require(next)
        #expect(scene.log.caughtUpAt == nil)
        scene.now = scene.now.advanced(by: .seconds(3))
        scene.read(Sample.node, .heartbeat(heartbeat))
        #expect(scene.log.caughtUpAt == Self.start)
    }

    @Test("a heartbeat that this run did not send counts nothing")
    func replayedHeartbeat() {
        var scene = Scene()
        scene.read(Sample.node, .heartbeat(Heartbeat(number: 7, lastRevocation: 0, applied: .zero, isLast: false)))
        #expect(scene.log.caughtUpAt == nil)
    }

    @Test("a node beside an empty log waits for what the others know")
    func youngLog() {
        var scene = Scene()
        scene.log = LogState(node: Sample.node, settings: scene.log.settings)
        scene.log.beginReplay(of: nil, wallTime: Sample.time(1_000_000))
        scene.log.begin("one", floor: .zero, now: scene.now)
        scene.beat()
        #expect(scene.log.caughtUpAt == nil)
        scene.beat(for: FleetSettings.joinTime)
        #expect(scene.log.caughtUpAt == scene.now)
    }

    @Test("a time without heartbeats begins the wait for the others again", arguments: [2, 3, 60])
    func outageWhileJoining(seconds: Int) {
        var scene = Scene()
        scene.log = LogState(node: Sample.node, settings: scene.log.settings)
        scene.log.beginReplay(of: nil, wallTime: Sample.time(1_000_000))
        scene.log.begin("one", floor: .zero, now: scene.now)
        scene.beat(for: .seconds(3))
        scene.now = scene.now.advanced(by: .seconds(seconds))
        scene.beat()
        // After two seconds, five have passed in which the others could come.
        #expect((scene.log.caughtUpAt != nil) == (seconds == 2))
        scene.beat(for: .seconds(4))
        #expect((scene.log.caughtUpAt != nil) == (seconds == 2))
        scene.beat(for: .seconds(1))
        #expect(scene.log.caughtUpAt == scene.now)
    }

    @Test("each revocation is applied once, in whatever order it comes again")
    func once() {
        var scene = Scene()
        for number in [UInt64(4), 5] {
            let applied = scene.read(Self.other, .revocation(Self.revocation, number: number)).revocation
            #expect(applied == Self.revocation)
        }
        for number in [UInt64(4), 5] {
            let applied = scene.read(Self.other, .revocation(Self.revocation, number: number)).revocation
            #expect(applied == nil)
        }
    }

    @Test("a revocation that its author sends again is applied by a node that knows the author only since then")
    func sentAgain() {
        var scene = Scene()
        // The store has lost the record of the first revocation.
        _ = scene.hear(1, lastRevocation: 1)
        let finding = scene.read(Self.other, .revocation(Self.revocation, number: 1))
        #expect(finding == LogState.Finding(revocation: Self.revocation))
        // The same if another revocation comes first.
        var other = Scene()
        _ = other.read(Self.other, .revocation(Self.revocation, number: 2))
        #expect(other.read(Self.other, .revocation(Self.revocation, number: 1)).revocation == Self.revocation)
        #expect(other.read(Self.other, .revocation(Self.revocation, number: 2)).revocation == nil)
    }

    @Test("a heartbeat shows that a revocation is lost, and the node is not caught up until it comes")
    func lostRecord() {
        var scene = Scene()
        let shown = [scene.hear(1, lastRevocation: 0), scene.hear(2, lastRevocation: 1)]
        #expect(shown == [false, true])
        #expect(scene.log.isMissingRecords)
        scene.beat()
        #expect(scene.log.caughtUpAt == nil)
        let isShownAgain = scene.hear(3, lastRevocation: 1)
        #expect(!isShownAgain)
        let applied = scene.read(Self.other, .revocation(Self.revocation, number: 1)).revocation
        #expect(applied == Self.revocation)
        #expect(!scene.log.isMissingRecords)
        scene.beat()
        #expect(scene.log.caughtUpAt == scene.now)
    }

    @Test("a revocation that skips a number shows that another is lost")
    func skippedNumber() {
        var scene = Scene()
        scene.read(Self.other, .revocation(Self.revocation, number: 1))
        let showsLoss = scene.read(Self.other, .revocation(Self.revocation, number: 3)).showsLoss
        #expect(showsLoss)
        #expect(scene.log.floor == scene.position)
    }

    @Test("this node sends a revocation again that was not before its heartbeat in the log")
    func ownLoss() {
        var scene = Scene()
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        #expect(scene.log.outgoing.nextToSend?.number == number)
        scene.log.outgoing.didSend(number, at: LogID(2_000_000, 0))
        #expect(scene.log.outgoing.nextToSend == nil && scene.log.outgoing.waiting == 0)
        scene.beat()
        #expect(scene.log.outgoing.nextToSend?.number == number && scene.log.outgoing.waiting == 1)
        // Until it is in the log, heartbeats don't speak of it.
        let heartbeat = scene.log.nextHeartbeat(.epoch, now: scene.now)
        #expect(heartbeat?.lastRevocation == 0)
    }

    @Test("after the log of another epoch is read, this node sends what the log lacks")
    func amnesia() {
        var scene = Scene()
        let numbers = (0..<2).map { _ in scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now) }
        for number in numbers {
            scene.log.outgoing.didSend(number, at: LogID(1_000_000 + number, 0))
            scene.read(Sample.node, .revocation(Self.revocation, number: number))
        }
        #expect(!scene.log.continues(LogID(1, 0)...LogID(3_000_000, 0), in: "two"))
        scene.log.beginReplay(of: LogID(1, 0)...LogID(3_000_000, 0), wallTime: Sample.time(3_000_000))
        #expect(scene.log.epoch == nil)
        scene.read(Sample.node, .revocation(Self.revocation, number: numbers[0]))
        scene.log.endReplay()
        #expect(scene.log.outgoing.nextToSend?.number == numbers[1])
        scene.log.begin("two", floor: LogID(3_000_001, 0), now: scene.now)
        #expect(scene.log.epoch == "two" && scene.log.floor == LogID(3_000_001, 0))
        // The other nodes may not have repeated theirs yet.
        scene.beat()
        #expect(scene.log.caughtUpAt == nil)
        scene.beat(for: FleetSettings.joinTime)
        #expect(scene.log.caughtUpAt == scene.now)
    }

    @Test(
        "a node that starts waits for another one that may still repeat what the store has lost",
        arguments: [nil, "zero", "one"] as [String?])
    func startsBesideAnother(epoch: String?) {
        var scene = Scene(hearing: Heartbeat(number: 1, lastRevocation: 0, applied: .zero, epoch: epoch))
        scene.beat()
        #expect(scene.log.caughtUpAt == (epoch == "one" ? Self.start : nil))
        scene.beat(for: FleetSettings.joinTime)
        #expect(scene.log.caughtUpAt == scene.now)
    }

    @Test("a heartbeat names the epoch once its log has all of the node's revocations")
    func epochOfHeartbeat() {
        var scene = Scene()
        func epoch(_ scene: inout Scene) -> String? { scene.log.nextHeartbeat(.epoch, now: scene.now)?.epoch }
        #expect(epoch(&scene) == "one")
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        #expect(epoch(&scene) == nil)
        scene.log.outgoing.didSend(number, at: LogID(2_000_000, 0))
        #expect(epoch(&scene) == "one")
        scene.log.leaveEpoch()
        #expect(epoch(&scene) == nil)
    }

    @Test("a record from the future does not make a node trim what the log must keep")
    func recordFromTheFuture() {
        var scene = Scene()
        scene.log.skip(LogID(9_000_000_000_000, 0))
        let kept = scene.log.keptFrom(wallTime: Sample.time(3_000_000))
        #expect(kept == LogID(3_000_000, 0).earlier(by: scene.log.settings.retention))
        // A clock that is ahead does not make it trim either.
        let log = Scene().log
        #expect(log.keptFrom(wallTime: Sample.time(9_000_000_000_000)) == log.applied.earlier(by: log.settings.retention))
    }

    @Test("a position is applied everywhere once this node and all live ones have applied it")
    func everywhere() {
        var scene = Scene()
        scene.read(Self.other, .heartbeat(Heartbeat(number: 1, lastRevocation: 0, applied: .zero, isLast: false)))
        let position = scene.position
        #expect(!scene.log.isAppliedEverywhere(LogID(position.milliseconds + 10, 0), now: scene.now))
        #expect(!scene.log.isAppliedEverywhere(position, now: scene.now))
        scene.read(Self.other, .heartbeat(Heartbeat(number: 2, lastRevocation: 0, applied: position, isLast: false)))
        #expect(scene.log.isAppliedEverywhere(position, now: scene.now))
        let later = scene.position
        #expect(!scene.log.isAppliedEverywhere(later, now: scene.now))
        #expect(scene.log.isAppliedEverywhere(later, now: scene.now.advanced(by: Self.bound + .milliseconds(2001))))
        let showsLoss = scene.hear(3, lastRevocation: 0, .end)
        #expect(!showsLoss)
        #expect(scene.log.isAppliedEverywhere(later, now: scene.now))
    }

    @Test(
        "a revocation that the store acknowledged and forgot is not acknowledged until it is read back",
        arguments: [FleetSettings.Acknowledgement.log, .fleet])
    func forgottenRevocation(acknowledgement: FleetSettings.Acknowledgement) {
        var scene = Scene(acknowledgement: acknowledgement)
        scene.now = scene.now.advanced(by: Self.bound)
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        func position(_ scene: Scene) -> LogID? { scene.log.acknowledgedPosition(ofOwn: number...number, now: scene.now) }
        scene.log.outgoing.didSend(number, at: LogID(scene.position.milliseconds + 1, 0))
        // Later records come, and its own does not.
        let showsLoss = scene.hear(1, lastRevocation: 0)
        #expect(!showsLoss && position(scene) == nil)
        scene.beat()
        #expect(scene.log.outgoing.nextToSend?.number == number && position(scene) == nil)
        let again = LogID(scene.position.milliseconds + 1, 0)
        scene.log.outgoing.didSend(number, at: again)
        #expect(position(scene) == nil)
        scene.read(Sample.node, .revocation(Self.revocation, number: number))
        #expect(position(scene) == (acknowledgement == .log ? again : nil), "the other node has not applied it")
        scene.read(Self.other, .heartbeat(Heartbeat(number: 2, lastRevocation: 0, applied: again)))
        #expect(position(scene) == again)
    }

    @Test("right after a loss, a revocation waits for the bound, since the log may say nothing of a node that serves")
    func unknownNodes() {
        var scene = Scene(acknowledgement: .fleet)
        let settings = scene.log.settings
        scene.log.beginReplay(of: LogID(1, 0)...scene.position, wallTime: Sample.time(1_000_000))
        scene.log.begin("two", floor: .zero, now: scene.now)
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        scene.log.outgoing.didSend(number, at: LogID(scene.position.milliseconds + 1, 0))
        scene.read(Sample.node, .revocation(Self.revocation, number: number))
        func position(_ scene: Scene, after time: Duration) -> LogID? {
            scene.log.acknowledgedPosition(ofOwn: number...number, now: scene.now.advanced(by: time))
        }
        #expect(position(scene, after: settings.revocationBound - .milliseconds(1)) == nil)
        #expect(position(scene, after: settings.revocationBound) == scene.position)
    }

    @Test("a revocation waits for nodes beyond the number that can be known")
    func tooManyNodes() {
        var scene = Scene(acknowledgement: .fleet)
        func hear(_ number: Int, of applied: LogID) {
            let node = NodeID(bytes: number.description.utf8.map(\.self) + [UInt8](repeating: 9, count: NodeID.byteCount - 4))
            scene.read(node, .heartbeat(Heartbeat(number: UInt64(number), lastRevocation: 0, applied: applied, isLast: false)))
        }
        // Nodes from before this epoch are no longer to be expected.
        scene.now = scene.now.advanced(by: .seconds(60))
        for number in 0..<FleetSettings.maximumNodes { hear(1000 + number, of: LogID(2_000_000, 0)) }
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        scene.log.outgoing.didSend(number, at: LogID(scene.position.milliseconds + 1, 0))
        scene.read(Sample.node, .revocation(Self.revocation, number: number))
        #expect(scene.log.acknowledgedPosition(ofOwn: number...number, now: scene.now) != nil)
        hear(3000, of: .zero)
        #expect(scene.log.acknowledgedPosition(ofOwn: number...number, now: scene.now) == nil)
        // The others are silent, and one makes room.
        scene.now = scene.now.advanced(by: .seconds(60))
        hear(3000, of: LogID(2_000_000, 0))
        #expect(scene.log.nodes.count == FleetSettings.maximumNodes)
        #expect(scene.log.liveNodes(at: scene.now) == 1)
    }

    @Test("a revocation that is read back before its append has an answer is not sent again")
    func earlyReadBack() {
        var scene = Scene()
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        scene.read(Sample.node, .revocation(Self.revocation, number: number))
        scene.log.outgoing.didSend(number, at: scene.position)
        #expect(scene.log.acknowledgedPosition(ofOwn: number...number, now: scene.now) == scene.position)
        scene.beat()
        #expect(scene.log.outgoing.waiting == 0)
    }

    @Test("what the store has lost does not count to the revocations that may wait")
    func repetitions() {
        var scene = Scene()
        let number = scene.log.outgoing.add(Self.revocation, entryKeys: [], now: scene.now)
        #expect(scene.log.outgoing.waitingRepetitions == 0)
        scene.log.outgoing.didSend(number, at: scene.position)
        // The next heartbeat shows that it is not in the log.
        scene.beat()
        #expect(scene.log.outgoing.waiting == 1 && scene.log.outgoing.waitingRepetitions == 1)
        scene.log.outgoing.didSend(number, at: scene.position)
        #expect(scene.log.outgoing.waiting == 0 && scene.log.outgoing.waitingRepetitions == 0)
    }

    @Test("a node that starts in an old epoch knows all nodes")
    func knownNodes() {
        var old = Scene(
            hearing: Heartbeat(number: 1, lastRevocation: 0, applied: .zero, isLast: true, epoch: "one"), acknowledgement: .fleet)
        let number = old.log.outgoing.add(Self.revocation, entryKeys: [], now: old.now)
        old.log.outgoing.didSend(number, at: LogID(old.position.milliseconds + 1, 0))
        old.read(Sample.node, .revocation(Self.revocation, number: number))
        let position = old.log.acknowledgedPosition(ofOwn: number...number, now: old.now)
        #expect(position == old.position)
    }

    @Test("a log goes on only in its epoch, and if it holds the node's position")
    func continues() {
        let scene = Scene()
        #expect(scene.log.continues(LogID(1, 0)...scene.position, in: "one"))
        #expect(!scene.log.continues(LogID(1, 0)...LogID(10, 0), in: "one"), "a log that ends before it")
        #expect(!scene.log.continues(LogID(2_000_000, 0)...LogID(3_000_000, 0), in: "one"), "a log that begins after it")
        #expect(!scene.log.continues(nil, in: "one"), "an empty log")
    }

    @Test("a log is not cut when nodes trim what came before a time without records")
    func gap() {
        var scene = Scene()
        // The store was away for two minutes.
        let (last, next) = (LogID(2_000_000, 0), LogID(2_120_000, 0))
        for id in [last, next, next.later(by: scene.log.settings.retention - .seconds(60))] { scene.log.skip(id) }
        let isCut = scene.log.isCut(next...scene.log.applied)
        #expect(!isCut)
        var other = Scene()
        for id in [last, next, next.later(by: .seconds(60))] { other.log.skip(id) }
        let isCutTooEarly = other.log.isCut(next...other.log.applied)
        #expect(isCutTooEarly, "nodes don't trim so early")
    }

    @Test("a log that has lost its beginning too early is cut")
    func cut() {
        var scene = Scene()
        let last = LogID(10_000_000, 0)
        scene.log.skip(last)
        let isCut = scene.log.isCut(LogID(2, 0)...last)
        #expect(!isCut, "nodes trim old records")
        let isCutNow = scene.log.isCut(LogID(9_999_000, 0)...last)
        #expect(isCutNow)
        let isEmpty = scene.log.isCut(nil)
        #expect(isEmpty)
    }
}
