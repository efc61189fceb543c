import DoormanClient
import DoormanSupport
import Testing

@testable import doorman

@Suite("Report of doorman stats")
struct StatisticsReportTests {
    private static let cached = ServerStatistics.CallKind(method: "Verify", source: "cache", code: "OK")
    private static let verified = ServerStatistics.CallKind(method: "Verify", source: "provider", code: "OK")
    private static let rejected = ServerStatistics.CallKind(
        method: "Verify", source: "provider", code: "UNAUTHENTICATED", reason: "TOKEN_REJECTED")
    private static let late = ServerStatistics.CallKind(method: "", source: "server", code: "DEADLINE_EXCEEDED")

    private var before: ServerStatistics {
        var statistics = ServerStatistics()
        statistics.startedAt = Timestamp(millisecondsSince1970: 1_500_000_000_000)
        statistics.uptime = .seconds(7_500)
        statistics.calls = [Self.cached: 1_000, Self.verified: 10]
        statistics.counters = [.cacheHits: 1_000, .cacheMisses: 10]
        statistics.gauges = [.cacheCapacity: 60_000]
        statistics.limits = [
            .init(setting: "server.max-connections", used: 12, limit: 10_000),
            .init(setting: "provider.max-concurrent-calls", provider: "corp", applicationID: "5432", used: 0, limit: 64),
        ]
        statistics.applications = [.init(provider: "corp", applicationID: "5432", circuitBreaker: .closed)]
        statistics.providerRequests = [.init(provider: "corp", endpoint: "me", outcome: "success"): 10]
        statistics.providerLatency = LatencyHistogram.Snapshot(
            sum: .seconds(1), buckets: [.init(upperBound: .microseconds(106_496), count: 10)])
        statistics.version = "0.1.0"
        statistics.latencies[.init(method: "Verify", source: "cache")] = LatencyHistogram.Snapshot(
            sum: .milliseconds(3), buckets: [.init(upperBound: .microseconds(3), count: 1000)])
        return statistics
    }

    private var after: ServerStatistics {
        var statistics = before
        statistics.uptime = .seconds(7_502)
        statistics.calls[Self.cached] = 4_000
        statistics.calls[Self.verified] = 15
        statistics.calls[Self.rejected] = 3
        statistics.calls[Self.late] = 1
        statistics.counters = [.cacheHits: 4_000, .cacheMisses: 19]
        statistics.applications = [
            .init(provider: "corp", applicationID: "5432", circuitBreaker: .open, backOff: .milliseconds(1500))
        ]
        statistics.providerRequests[.init(provider: "corp", endpoint: "me", outcome: "success")] = 18
        statistics.providerLatency = LatencyHistogram.Snapshot(
            sum: .seconds(2),
            buckets: [
                .init(upperBound: .microseconds(106_496), count: 17), .init(upperBound: .microseconds(524_288), count: 1),
            ])
        return statistics
    }

    @Test(
        "a server with TLS reports the end of its certificate",
        arguments: [(1_500_000_000, "2017-07-14T02:40:00.000Z"), (.max, "–")])
    func certificate(expiry: UInt64, text: String) {
        var statistics = before
        statistics.gauges[.tlsCertificateExpiry] = expiry
        #expect(StatisticsReport(statistics).text.contains("certificate:      ends \(text)\n"))
    }

    @Test("without earlier statistics the text covers the time since the start")
    func sinceStart() {
        #expect(
            StatisticsReport(before).text == """
                version:          0.1.0
                started:          2017-07-14T02:40:00.000Z, 2 h 5 min ago
                counted:          since then
                calls:            1,010, 0.1 per second
                hit ratio:        99.01% of 1,000 hits and 10 misses
                hit latency:      mean 3.00 µs p50 3.00 µs p90 3.00 µs p99 3.00 µs p99.9 3.00 µs
                failures:         none
                provider:         10 requests, 0.0 per second
                request latency:  mean 100 ms p50 106 ms p90 106 ms p99 106 ms p99.9 106 ms
                circuit breaker:  closed
                fullest:          server.max-connections 0.12%
                capacity:         60,000 tokens of an application can be kept fresh

                method  answered by  outcome  calls  per second  total
                Verify  cache        OK       1,000         0.1  1,000
                Verify  provider     OK          10         0.0     10

                provider  endpoint  outcome  requests  per second  total
                corp      me        success        10         0.0     10

                limit                          provider  used      of   full
                server.max-connections         –           12  10,000  0.12%
                provider.max-concurrent-calls  corp         0      64  0.00%

                """)
    }

    @Test("with earlier statistics the report covers the time between")
    func between() {
        let report = StatisticsReport(after, since: before)
        #expect(!report.isSinceStart)
        #expect(report.calls == 3_009)
        #expect(report.perSecond(report.calls) == 1_504.5)
        #expect(report.hitRatio.map { ($0 * 1000).rounded() } == 997)
        #expect(report.reasons.map(\.name) == ["TOKEN_REJECTED", "DEADLINE_EXCEEDED"])
        #expect(report.text.contains("counted:          in 2 s\n"))
        #expect(report.text.contains("failures:         TOKEN_REJECTED 3 DEADLINE_EXCEEDED 1\n"))
        #expect(report.text.contains("request latency:  mean 125 ms p50 106 ms p90 524 ms p99 524 ms p99.9 524 ms\n"))
        #expect(report.text.contains("circuit breaker:  open, backing off for 1.5 s\n"))
        #expect(
            report.line == "2017-07-14T04:45:02.000Z 1,505 calls/s, 99.70% hits, provider 4.0/s mean 125 ms p50 106 ms p90 524 ms "
                + "p99 524 ms p99.9 524 ms, failures TOKEN_REJECTED 3 DEADLINE_EXCEEDED 1, circuit breaker open, backing off for 1.5 s, "
                + "server.max-connections 0.12%")
    }

    @Test("statistics from before a restart are ignored")
    func restarted() {
        var restarted = after
        restarted.startedAt = Timestamp(millisecondsSince1970: 1_500_000_060_000)
        #expect(StatisticsReport(restarted, since: before).isSinceStart)
        #expect(StatisticsReport(before, since: after).isSinceStart)
    }

    @Test("the JSON is one object on one line")
    func json() {
        let json = StatisticsReport(after, since: before).json
        #expect(
            json.hasPrefix(
                #"{"applications":[{"application_id":"5432","back_off_seconds":1.5,"circuit_breaker":"open","provider":"corp"}],"#
                    + #""call_latencies":[],"calls":[{"code":"DEADLINE_EXCEEDED","count":1,"method":"","reason":"","source":"server","total":1},"#
            ),
            "\(json)")
        for part in [
            #"{"code":"OK","count":3000,"method":"Verify","reason":"","source":"cache","total":4000}"#,
            #","calls_per_second":1504.5,"counted_seconds":2,"counters":{"cache.hits":4000,"cache.misses":19},"#,
            #","failures":{"DEADLINE_EXCEEDED":1,"TOKEN_REJECTED":3},"gauges":{"cache.capacity_tokens":60000},"#,
            #","hit_ratio":0.997009,"hits":3000,"#,
            #","limits":[{"application_id":null,"limit":10000,"provider":null,"setting":"server.max-connections","used":12},"#,
            #","misses":9,"outcome":"statistics","#,
            #","provider_requests":[{"count":8,"endpoint":"me","outcome":"success","provider":"corp","total":18}],"#,
            #","provider_latency_us":{"count":8,"mean":125000,"p50":106496,"p90":524288,"p99":524288,"p99_9":524288},"#,
            #","started_at":"2017-07-14T02:40:00.000Z","uptime_seconds":7502,"version":"0.1.0"}"#,
        ] {
            #expect(json.contains(part), "\(part) in \(json)")
        }
        #expect(!json.contains("\n"))
        #expect(
            StatisticsReport(before).json.contains(
                #""call_latencies":[{"latency_us":{"count":1000,"mean":3,"p50":3,"p90":3,"p99":3,"p99_9":3},"method":"Verify","source":"cache"}]"#
            ))
    }

    @Test("extreme numbers make a valid report")
    func extremes() {
        let nothing = StatisticsReport(ServerStatistics())
        #expect(nothing.hitRatio == nil && nothing.perSecond(1) == 0)
        #expect(nothing.text.contains("hit ratio:        –\n") && nothing.text.contains("circuit breaker:  –\n"))
        #expect(nothing.json.contains(#""hit_ratio":null"#))
        var extreme = after
        extreme.uptime = .milliseconds(1)
        extreme.calls = [Self.cached: .max, Self.verified: .max]
        extreme.counters[.cacheHits] = .max
        extreme.providerLatency.buckets[0].count = .max
        extreme.limits = [.init(setting: "a\u{1b}[2J", used: .max, limit: 0)]
        let report = StatisticsReport(extreme)
        #expect(report.calls == .max)
        #expect(!report.text.contains("\u{1b}") && !report.line.contains("\u{1b}") && !report.json.contains("\u{1b}"))
    }

    @Test("only exact values are shown as 0% or 100%")
    func percent() {
        for (part, text) in [(0, "0.00%"), (1, "100.00%"), (0.999999, "99.99%"), (0.000001, "0.01%"), (0.5, "50.00%")] {
            #expect(NumberText.percentage(ofPart: part) == text)
        }
    }

    @Test("only the first drawing clears the terminal")
    func drawing() {
        let drawing = "\u{1b}[?7l\u{1b}[1Ha\u{1b}[K\u{1b}[2Hb\u{1b}[K\u{1b}[J\u{1b}[?7h"
        #expect(StatisticsWatch.drawing("a\nb", isFirst: true) == "\u{1b}[2J" + drawing)
        #expect(StatisticsWatch.drawing("a\nb", isFirst: false) == drawing)
        #expect(!StatisticsWatch.drawing(StatisticsReport(after, since: before).text, isFirst: true).contains("\n"))
    }

    @Test("a table without rows is omitted")
    func table() {
        #expect(TextTable.text(["a", "b"], [], numbersFrom: 1) == nil)
        let table = TextTable.text(["a", "b"], [["long", "1"], ["x", "100"]], numbersFrom: 1)
        #expect(table == "a       b\nlong    1\nx     100\n")
    }
}
