import DoormanSupport
import DoormanWire
import Testing

@testable import DoormanClient

@Suite("the table of streams")
struct StreamTableTests {
    @Test("the table agrees with a dictionary for any order of responses", arguments: 0..<60)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var table = StreamTable<UInt32>()
        var model: [UInt32: UInt32] = [:]
        var next: UInt32 = 1
        for _ in 0..<2_000 {
            if model.count < 40, random.next() % 2 == 0 {
                table.insert(next, for: StreamID(next))
                model[next] = next
                next += 2
            } else {
                // Some IDs are removed already or not inserted yet.
                let id = random.next() % 3 == 0 ? model.keys.min() ?? 1 : UInt32(truncatingIfNeeded: random.next()) % (next + 4)
                #expect(table.remove(StreamID(id)) == model.removeValue(forKey: id))
            }
            #expect(table.count == model.count)
        }
        #expect(table.all.map(\.value) == model.keys.sorted())
        for id in model.keys { #expect(table.remove(StreamID(id)) == id) }
        #expect(table.isEmpty)
    }

    @Test("a stream without a response does not slow down other streams")
    func old() {
        var table = StreamTable<String>()
        table.insert("old", for: StreamID(1))
        for id in stride(from: 3 as UInt32, to: 200_001, by: 2) {
            table.insert("new", for: StreamID(id))
            #expect(table.remove(StreamID(id)) == "new")
        }
        #expect(table.all.map(\.value) == ["old"])
    }
}
