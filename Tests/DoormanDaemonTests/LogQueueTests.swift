import Testing

@testable import DoormanDaemon

@Suite("Queue of log lines")
struct LogQueueTests {
    private func all(_ queue: LogQueue) -> [LogQueue.Next] {
        var all: [LogQueue.Next] = []
        while let next = queue.next() { all.append(next) }
        return all
    }

    @Test("lines leave in the order in which they came, audit lines among the others")
    func order() {
        let queue = LogQueue()
        for (index, kind) in [LogQueue.Kind.ordinary, .audit, .ordinary, .ordinary, .audit].enumerated() {
            queue.add("\(index)", kind)
        }
        #expect(all(queue) == (0..<5).map { .write("\($0)") })
        queue.add("5", .audit)
        #expect(all(queue) == [.write("5")])
        #expect(queue.next() == nil)
    }

    @Test("a full queue drops new lines, and the next step reports their number once")
    func lines() {
        let queue = LogQueue(limits: LogQueue.Limits(lines: 3, bytes: 1000))
        for index in 0..<10 { queue.add("\(index)", .ordinary) }
        #expect(queue.next() == .report(LogQueue.Dropped(ordinary: 7)))
        #expect(queue.next() == .write("0"))
        queue.add("10", .ordinary)
        queue.add("11", .ordinary)
        #expect(
            all(queue) == [.report(LogQueue.Dropped(ordinary: 1)), .write("1"), .write("2"), .write("10")])
    }

    @Test("the bytes of the waiting lines are limited", arguments: [(10, 4), (40, 1), (41, 0), (1, 40)])
    func bytes(length: Int, kept: Int) {
        let queue = LogQueue(limits: LogQueue.Limits(lines: 1000, bytes: 40))
        let line = String(repeating: "a", count: length)
        for _ in 0..<100 { queue.add(line, .ordinary) }
        #expect(all(queue) == [.report(LogQueue.Dropped(ordinary: 100 - kept))] + Array(repeating: .write(line), count: kept))
    }

    @Test("a flood of other lines drops no audit line")
    func audit() {
        let queue = LogQueue(limits: LogQueue.Limits(lines: 2, bytes: 1000))
        for _ in 0..<100 { queue.add("flood", .ordinary) }
        queue.add("a", .audit)
        for _ in 0..<100 { queue.add("flood", .ordinary) }
        queue.add("b", .audit)
        #expect(
            all(queue) == [
                .report(LogQueue.Dropped(ordinary: 198)), .write("flood"), .write("flood"), .write("a"), .write("b"),
            ])
        for _ in 0..<5 { queue.add("c", .audit) }
        #expect(queue.next() == .report(LogQueue.Dropped(audit: 3)))
    }

    @Test("a line that can't be written counts as dropped, and a report that can't be written comes again")
    func unwritten() {
        let queue = LogQueue()
        for kind in [LogQueue.Kind.ordinary, .audit] {
            queue.add("a", kind)
            #expect(queue.next() == .write("a"))
            queue.dropLast()
            let dropped = kind == .audit ? LogQueue.Dropped(audit: 1) : LogQueue.Dropped(ordinary: 1)
            #expect(queue.next() == .report(dropped))
            queue.reportAgain(dropped)
            #expect(queue.next() == .report(dropped))
            #expect(queue.next() == nil)
        }
        #expect(queue.droppedCount == 2)
    }

    @Test("by default 10,000 lines and 4 MiB wait")
    func defaults() {
        let (short, long) = (LogQueue(), LogQueue())
        for _ in 0..<10_001 { short.add("a", .ordinary) }
        #expect(short.next() == .report(LogQueue.Dropped(ordinary: 1)))
        let line = String(repeating: "a", count: 1 << 20)
        for _ in 0..<5 { long.add(line, .ordinary) }
        #expect(long.next() == .report(LogQueue.Dropped(ordinary: 1)))
    }
}
