import Testing

@testable import DoormanBench
@testable import doorman

@Suite("Report of doorman bench")
struct BenchReportTests {
    private func report(
        _ outcomes: [CallOutcome], ending: BenchReport.Ending = .timeUp, lost: Int = 0,
        change: (inout BenchSettings) -> Void = { _ in }
    ) -> BenchReport {
        var settings = BenchSettings(address: .hostAndPort("127.0.0.1", 7117))
        settings.depth = 4
        change(&settings)
        var counters = BenchCounters()
        for (number, outcome) in outcomes.enumerated() {
            counters.count(outcome, after: .microseconds(100 * (number + 1)))
            counters.countResponse()
        }
        counters.countSent(bytes: 2000)
        counters.countReceived(bytes: 1_000_000)
        return BenchReport(settings: settings, ending: ending, measured: .seconds(2), connectionsLost: lost, counters: counters)
    }

    @Test("the text is aligned lines of a key and a value")
    func text() {
        let report = Report(report([.identified, .identified, .rejected("TOKEN_REJECTED"), .deadline, .deadline, .notSent]))
        #expect(
            report.text == """
                load:         10 connections × 4 calls, closed loop
                measured:     2 s, after 2 s of warm-up
                calls:        6, 3 answered per second
                identified:   2
                rejected:     1 (TOKEN_REJECTED 1)
                unavailable:  3 (DEADLINE 2, NOT_SENT 1)
                bytes:        2,000 sent, 1,000,000 received
                latency:      mean 350 µs
                  min:        100 µs
                  p50:        300 µs
                  p90:        600 µs
                  p99:        600 µs
                  p99.9:      600 µs
                  p99.99:     600 µs
                  max:        600 µs

                """)
    }

    @Test("the JSON is one object with units in its names")
    func json() {
        let report = Report(report([.identified, .rejected("TOKEN_REJECTED")]) { $0.rate = CallRate(callsPerSecond: 5000) })
        #expect(
            report.json
                == #"{"answers_per_second":1,"calls":2,"connections":10,"connections_lost":0,"depth":4,"#
                + #""due_per_second":5000,"ending":"time_up","identified":1,"#
                + #""latency_us":{"max":200,"mean":150,"min":100,"p50":100.031,"p90":200,"p99":200,"p99_9":200,"p99_99":200},"#
                + #""measured_seconds":2,"outcome":"rejected","received_bytes":1000000,"rejected":{"TOKEN_REJECTED":1},"#
                + #""sent_bytes":2000,"threads":1,"unavailable":{},"warm_up_seconds":2}"#)
    }

    @Test(
        "the exit code is 3 after an unavailable call, otherwise 1 after a rejected token",
        arguments: [
            ([.identified], 0, 0), ([.identified, .rejected("TOKEN_REJECTED")], 0, 1),
            ([.rejected("TOKEN_REJECTED"), .deadline], 0, 3), ([.identified], 1, 3), ([], 0, 3),
        ] as [([CallOutcome], Int, Int32)])
    func status(outcomes: [CallOutcome], lost: Int, status: Int32) {
        let report = report(outcomes, lost: lost)
        #expect(report.status.rawValue == status)
        #expect((report.failureLine == nil) == (status == 0))
        #expect(report.failureLine.map { $0.filter { $0 == "\n" }.count == 1 } ?? true)
    }

    @Test("an open loop is reported with its rate")
    func openLoop() {
        let report = Report(report([.identified]) { $0.rate = CallRate(callsPerSecond: 5000) })
        #expect(report.text.hasPrefix("load:         10 connections × 4 calls, open loop, 5,000 due per second\n"))
    }

    @Test("a report without calls has no latency")
    func nothing() {
        let report = Report(report([], ending: .interrupted))
        #expect(report.text.contains("measured:     2 s, then interrupted\n"))
        #expect(!report.text.contains("latency"))
        #expect(report.json.contains(#""latency_us":null,"#))
    }

    @Test("the number of distinct reasons is limited")
    func reasons() {
        let report = report((0..<200).map { .failed("CODE_\($0)") })
        #expect(report.failed.count == 65 && report.failed["OTHER"] == 136 && report.failedCount == 200)
    }
}
