internal import DoormanBench
internal import DoormanClient

// For programs.

extension StatisticsReport {
    var json: JSON {
        .object(
            [
                .init("outcome", .string("statistics")), .init("started_at", .optional(now.startedAt.iso8601)),
                .init("uptime_seconds", .number(DurationText.seconds(now.uptime))),
                .init("counted_seconds", .number(DurationText.seconds(period.uptime))),
                .init("calls_per_second", .number(LatencyText.decimal(perSecond(calls), digits: 1))),
                .init("hits", .number(hits)), .init("misses", .number(misses)),
                .init("hit_ratio", hitRatio.map { .number(LatencyText.decimal($0, digits: 6)) } ?? .null),
                .init("failures", .object(reasons.map { .init($0.name, .number($0.count)) })),
                .init("calls", .array(callKinds.map(object))),
                .init("provider_calls", .array(providerCallKinds.map(object))),
                .init("provider_latency_us", latency), .init("applications", .array(now.applications.map(object))),
                .init("limits", .array(now.limits.map(object))),
                .init("counters", Self.numbers(now.counters)), .init("gauges", Self.numbers(now.gauges)),
            ])
    }

    private func object(_ kind: ServerStatistics.CallKind) -> JSON {
        .object([
            .init("method", .string(kind.method)), .init("source", .string(kind.source)), .init("code", .string(kind.code)),
            .init("reason", .string(kind.reason)), .init("count", .number(period.calls[kind] ?? 0)),
            .init("total", .number(now.calls[kind] ?? 0)),
        ])
    }

    private func object(_ kind: ServerStatistics.ProviderCallKind) -> JSON {
        .object([
            .init("endpoint", .string(kind.endpoint)), .init("outcome", .string(kind.outcome)),
            .init("count", .number(period.providerCalls[kind] ?? 0)), .init("total", .number(now.providerCalls[kind] ?? 0)),
        ])
    }

    private func object(_ application: ServerStatistics.ApplicationState) -> JSON {
        .object([
            .init("application_id", .string(application.applicationID)), .init("breaker", .string(application.breaker.name)),
            .init("back_off_seconds", .number(DurationText.seconds(application.backOff ?? .zero))),
        ])
    }

    private func object(_ limit: ServerStatistics.LimitState) -> JSON {
        .object([
            .init("setting", .string(limit.setting)), .init("application_id", .optional(limit.applicationID)),
            .init("used", .number(limit.used)), .init("limit", .number(limit.limit)),
        ])
    }

    private var latency: JSON {
        let latency = period.providerLatency
        guard let mean = latency.mean else { return .null }
        let percentiles = Self.percentiles.compactMap { percentile in
            latency.percentile(percentile.percent).map { value in
                JSON.Member(String(percentile.name.map { $0 == "." ? "_" : $0 }), Self.microseconds(value))
            }
        }
        return .object([.init("count", .number(latency.count)), .init("mean", Self.microseconds(mean))] + percentiles)
    }

    private static func numbers(_ numbers: [ServerStatistics.Name: UInt64]) -> JSON {
        .object(
            numbers.sorted { $0.key.rawValue < $1.key.rawValue }.map { .init($0.key.rawValue, .number($0.value)) })
    }

    private static func microseconds(_ latency: Duration) -> JSON {
        .number(LatencyText.decimal(latency / .microseconds(1), digits: 0))
    }
}

extension JSON {
    fileprivate static func number(_ value: UInt64) -> JSON { .number(String(value)) }
}
