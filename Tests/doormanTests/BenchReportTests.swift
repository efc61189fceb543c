import Testing

@testable import DoormanBench
@testable import doorman

@Suite("what a load came to")
struct BenchReportTests {
    private func report(
        _ outcomes: [CallOutcome], ending: BenchReport.Ending = .timeUp, lost: Int = 0,
        change: (inout BenchSettings) -> Void = { _ in }
    ) -> BenchReport {
        var settings = BenchSettings(address: .hostAndPort("127.0.0.1", 7117))
        settings.depth = 4
        change(&settings)
        var tally = BenchTally()
        for (number, outcome) in outcomes.enumerated() {
            tally.count(outcome, after: .microseconds(100 * (number + 1)))
            tally.countAnswer()
        }
        tally.countSent(bytes: 2000)
        tally.countReceived(bytes: 1_000_000)
        return BenchReport(settings: settings, ending: ending, measured: .seconds(2), connectionsLost: lost, tally: tally)
    }

    @Test("is for people lines of a key and a value")
    func text() {
        let report = Report(report([.identified, .identified, .refused("TOKEN_REJECTED"), .deadline, .deadline, .notSent]))
        #expect(
            report.text == """
                load:           10 connections × 4 calls, closed loop
                measured:       2 s, after 2 s of warm-up
                calls:          6, 3 answered a second
                identified:     2
                refused:        1 (TOKEN_REJECTED 1)
                could not ask:  3 (DEADLINE 2, NOT_SENT 1)
                bytes:          2,000 sent, 1,000,000 received
                latency:        mean 350 µs
                  min:          100 µs
                  p50:          300 µs
                  p90:          600 µs
                  p99:          600 µs
                  p99.9:        600 µs
                  p99.99:       600 µs
                  max:          600 µs

                """)
    }

    @Test("is for programs one object with its units in its names")
    func json() {
        let report = Report(report([.identified, .refused("TOKEN_REJECTED")]) { $0.rate = CallRate(callsPerSecond: 5000) })
        #expect(
            report.json.text
                == #"{"outcome":"refused","ending":"time_up","connections":10,"connections_lost":0,"depth":4,"threads":1,"#
                + #""due_per_second":5000,"warm_up_seconds":2,"measured_seconds":2,"calls":2,"answers_per_second":1.0,"#
                + #""identified":1,"refused":{"TOKEN_REJECTED":1},"could_not_ask":{},"sent_bytes":2000,"received_bytes":1000000,"#
                + #""latency_us":{"min":100.000,"mean":150.000,"p50":100.031,"p90":200.000,"p99":200.000,"p99_9":200.000,"#
                + #""p99_99":200.000,"max":200.000}}"#)
    }

    @Test(
        "ends as every other command: 3 if any call could not ask, else 1 if any was refused",
        arguments: [
            ([.identified], 0, 0), ([.identified, .refused("TOKEN_REJECTED")], 0, 1),
            ([.refused("TOKEN_REJECTED"), .deadline], 0, 3), ([.identified], 1, 3), ([], 0, 3),
        ] as [([CallOutcome], Int, Int32)])
    func status(outcomes: [CallOutcome], lost: Int, status: Int32) {
        let report = report(outcomes, lost: lost)
        #expect(report.status.rawValue == status)
        #expect((report.complaint == nil) == (status == 0))
        #expect(report.complaint.map { $0.filter { $0 == "\n" }.count == 1 } ?? true)
    }

    @Test("has nothing to say of latency where no call was made")
    func nothing() {
        let report = Report(report([], ending: .interrupted))
        #expect(report.text.contains("measured:       2 s, then interrupted\n"))
        #expect(!report.text.contains("latency"))
        #expect(report.json.text.hasSuffix(#""latency_us":null}"#))
    }

    @Test("tells so many reasons apart, and no more")
    func reasons() {
        let report = report((0..<200).map { .failed("CODE_\($0)") })
        #expect(report.failed.count == 65 && report.failed["OTHER"] == 136 && report.failedCount == 200)
    }
}
