import DoormanCore
import DoormanWire
import TestKit
import Testing

@Suite("The statistics of the golden vectors")
struct StatisticsVectorTests {
    @Test("statistics are encoded and decoded", arguments: try GoldenVector.responses(to: "Get"))
    func bothWays(_ vector: GoldenVector) throws {
        let statistics = try vector.statistics()
        if vector.roundTrips { #expect(ResponseEncoder.encode(statistics) == vector.data) }
        #expect(ResponseDecoder.statistics(vector.data.span, in: MessageArena()).value == statistics)
    }

    @Test("statistics of maximum size fit into the response limit of every client")
    func fullest() {
        var statistics = ServerStatistics()
        statistics.uptime = .seconds(1 << 40)
        for method in Method.allCases {
            for failure in Failure.allCases {
                statistics.calls[
                    .init(
                        method: method.name.description, source: "provider", code: failure.row.code.description,
                        reason: failure.row.reason ?? "")] = .max
            }
        }
        for endpoint in 0..<6 {
            for outcome in 0..<30 {
                let kind = ServerStatistics.ProviderRequestKind(
                    endpoint: "invalidate_all_tokens\(endpoint)", outcome: "outage_or_no_such_account\(outcome)")
                statistics.providerRequests[kind] = .max
            }
        }
        for number in 0..<50 { statistics.counters[.connectionsClosed("client_certificate_refused\(number)")] = .max }
        for number in 0..<64 {
            let id = String(repeating: "9", count: 30) + String(10 + number)
            statistics.applications.append(.init(applicationID: id, circuitBreaker: .open, backOff: .seconds(3600)))
            for setting in ["provider.max-concurrent-calls", "provider.max-waiting-calls"] {
                statistics.limits.append(.init(setting: setting, applicationID: id, used: .max, limit: .max))
            }
        }
        let full = LatencyHistogram.Snapshot(
            sum: .seconds(1 << 40), buckets: (1...192).map { .init(upperBound: .seconds($0), count: .max) })
        statistics.providerLatency = full
        for method in Method.allCases where method != .healthCheck {
            statistics.latencies[.init(method: method.name.description, source: "provider")] = full
        }
        let data = ResponseEncoder.encode(statistics)
        #expect(data.count < ResponseEncoder.longestForEveryClient)
        #expect(ResponseDecoder.statistics(data.span, in: MessageArena()).value == statistics)
    }

    @Test("an uptime that is too long is clamped")
    func absurd() throws {
        var statistics = ServerStatistics()
        statistics.uptime = .seconds(Int64.max)
        let data = ResponseEncoder.encode(statistics)
        let read = try #require(ResponseDecoder.statistics(data.span, in: MessageArena()).value)
        #expect(read.uptime == .milliseconds(Int64.max))
        statistics.uptime = .seconds(-1)
        #expect(ResponseEncoder.encode(statistics) == ResponseEncoder.encode(ServerStatistics()))
    }

    @Test("statistics with names that are not UTF-8 are malformed")
    func invalidText() throws {
        let vector = try GoldenVector.named("response-stats")
        for name in ["Check", "cache.hits", "server.max-connections", "success"] {
            var data = vector.data
            let at = try #require(data.indices.first { data[$0...].starts(with: name.utf8) })
            data[at] = 0xff
            #expect(ResponseDecoder.statistics(data.span, in: MessageArena()).isMalformed, "\(name)")
        }
    }
}

extension GoldenVector {
    private func count(_ key: String) -> UInt64 { self[key].flatMap { UInt64($0) } ?? 0 }

    /// Returns the key prefixes of the items of a list.
    private func items(_ list: String, _ field: String) -> [String] {
        var prefixes: [String] = []
        while self["payload.\(list).\(prefixes.count).\(field)"] != nil { prefixes.append("payload.\(list).\(prefixes.count).") }
        return prefixes
    }

    func statistics() throws -> ServerStatistics {
        var statistics = ServerStatistics()
        statistics.startedAt = Timestamp(millisecondsSince1970: number("payload.started_at_ms") ?? 0)
        statistics.uptime = .milliseconds(number("payload.uptime_ms") ?? 0)
        statistics.version = self["payload.version"] ?? ""
        for item in items("calls", "method") {
            let kind = ServerStatistics.CallKind(
                method: self[item + "method"] ?? "", source: self[item + "source"] ?? "", code: self[item + "code"] ?? "",
                reason: self[item + "reason"] ?? "")
            statistics.calls[kind] = count(item + "count")
        }
        for item in items("counters", "name") {
            statistics.counters[.init(rawValue: try #require(self[item + "name"]))] = count(item + "value")
        }
        for item in items("gauges", "name") {
            statistics.gauges[.init(rawValue: try #require(self[item + "name"]))] = count(item + "value")
        }
        for item in items("limits", "setting") {
            statistics.limits.append(
                .init(
                    setting: try #require(self[item + "setting"]), applicationID: self[item + "application_id"],
                    used: count(item + "used"), limit: count(item + "limit")))
        }
        let breakers: [String: ServerStatistics.CircuitBreaker] = [
            "CIRCUIT_BREAKER_CLOSED": .closed, "CIRCUIT_BREAKER_OPEN": .open,
        ]
        for item in items("applications", "application_id") {
            statistics.applications.append(
                .init(
                    applicationID: try #require(self[item + "application_id"]),
                    circuitBreaker: breakers[self[item + "circuit_breaker"] ?? ""] ?? .unknown,
                    backOff: number(item + "back_off_ms").map { .milliseconds($0) }))
        }
        for item in items("provider_requests", "endpoint") {
            let kind = ServerStatistics.ProviderRequestKind(
                endpoint: try #require(self[item + "endpoint"]), outcome: try #require(self[item + "outcome"]))
            statistics.providerRequests[kind] = count(item + "count")
        }
        statistics.providerLatency = try latency("provider_latency")
        for (index, item) in items("call_latencies", "method").enumerated() {
            let kind = ServerStatistics.LatencyKind(
                method: try #require(self[item + "method"]), source: try #require(self[item + "source"]))
            statistics.latencies[kind] = try latency("call_latencies.\(index).latency")
        }
        return statistics
    }

    private func latency(_ key: String) throws -> LatencyHistogram.Snapshot {
        LatencyHistogram.Snapshot(
            sum: .microseconds(number("payload.\(key).sum_us") ?? 0),
            buckets: try items("\(key).buckets", "upper_us").map { item in
                .init(upperBound: .microseconds(try #require(number(item + "upper_us"))), count: count(item + "count"))
            })
    }
}
