private import CDoormanProtos
private import CProtobufC
package import DoormanCore

extension ResponseEncoder {
    /// Encodes the successful response to `Get`. Dictionaries are sorted, so that equal statistics have equal bytes.
    package static func encode(_ statistics: ServerStatistics) -> [UInt8] {
        unsafe packing { arena, allocator throws(ArenaFull) in
            let parts = unsafe StatisticsParts(arena: arena, allocator: allocator)
            var message = unsafe Doorman__V1__ServerStats()
            unsafe doorman__v1__server_stats__init(&message)
            unsafe message.started_at_ms = statistics.startedAt.millisecondsSince1970
            unsafe message.uptime_ms = statistics.uptime.wholeMilliseconds
            try unsafe parts.setCalls(statistics, &message)
            try unsafe parts.setNumbers(statistics, &message)
            try unsafe parts.setStates(statistics, &message)
            unsafe message.version = try unsafe arena.text(statistics.version, allocator)
            try unsafe parts.setLatencies(statistics, &message)
            if statistics.providerLatency != LatencyHistogram.Snapshot() {
                unsafe message.provider_latency = try unsafe parts.latency(statistics.providerLatency)
            }
            return unsafe packed(&message, doorman__v1__server_stats__get_packed_size, doorman__v1__server_stats__pack)
        }
    }
}

/// Builds the parts of the message in an arena.
@safe private struct StatisticsParts {
    let arena: MessageArena
    let allocator: UnsafeMutablePointer<ProtobufCAllocator>

    func setCalls(_ statistics: ServerStatistics, _ message: inout Doorman__V1__ServerStats) throws(ArenaFull) {
        let calls = statistics.calls.sorted { $0.key.order < $1.key.order }
        unsafe message.n_calls = calls.count
        unsafe message.calls = try unsafe list(calls) { call throws(ArenaFull) in
            var part = unsafe Doorman__V1__CallCount()
            unsafe doorman__v1__call_count__init(&part)
            unsafe part.method = try unsafe arena.text(call.key.method, allocator)
            unsafe part.source = try unsafe arena.text(call.key.source, allocator)
            unsafe part.code = try unsafe arena.text(call.key.code, allocator)
            unsafe part.reason = try unsafe arena.text(call.key.reason, allocator)
            unsafe part.count = call.value
            return unsafe part
        }
        let providerRequests = statistics.providerRequests.sorted { $0.key.order < $1.key.order }
        unsafe message.n_provider_requests = providerRequests.count
        unsafe message.provider_requests = try unsafe list(providerRequests) { call throws(ArenaFull) in
            var part = unsafe Doorman__V1__ProviderRequestCount()
            unsafe doorman__v1__provider_request_count__init(&part)
            unsafe part.endpoint = try unsafe arena.text(call.key.endpoint, allocator)
            unsafe part.provider = try unsafe arena.text(call.key.provider, allocator)
            unsafe part.outcome = try unsafe arena.text(call.key.outcome, allocator)
            unsafe part.count = call.value
            return unsafe part
        }
    }

    func setLatencies(_ statistics: ServerStatistics, _ message: inout Doorman__V1__ServerStats) throws(ArenaFull) {
        let latencies = statistics.latencies.sorted { $0.key.order < $1.key.order }
        unsafe message.n_call_latencies = latencies.count
        unsafe message.call_latencies = try unsafe list(latencies) { item throws(ArenaFull) in
            var part = unsafe Doorman__V1__CallLatency()
            unsafe doorman__v1__call_latency__init(&part)
            unsafe part.method = try unsafe arena.text(item.key.method, allocator)
            unsafe part.source = try unsafe arena.text(item.key.source, allocator)
            unsafe part.latency = try unsafe latency(item.value)
            return unsafe part
        }
    }

    func setNumbers(_ statistics: ServerStatistics, _ message: inout Doorman__V1__ServerStats) throws(ArenaFull) {
        unsafe message.n_counters = statistics.counters.count
        unsafe message.counters = try unsafe numbers(statistics.counters)
        unsafe message.n_gauges = statistics.gauges.count
        unsafe message.gauges = try unsafe numbers(statistics.gauges)
    }

    func setStates(_ statistics: ServerStatistics, _ message: inout Doorman__V1__ServerStats) throws(ArenaFull) {
        unsafe message.n_limits = statistics.limits.count
        unsafe message.limits = try unsafe list(statistics.limits) { limit throws(ArenaFull) in
            var part = unsafe Doorman__V1__LimitState()
            unsafe doorman__v1__limit_state__init(&part)
            unsafe part.setting = try unsafe arena.text(limit.setting, allocator)
            unsafe part.application_id = try unsafe arena.text(limit.applicationID ?? "", allocator)
            unsafe part.provider = try unsafe arena.text(limit.provider ?? "", allocator)
            unsafe part.used = limit.used
            unsafe part.limit = limit.limit
            return unsafe part
        }
        unsafe message.n_applications = statistics.applications.count
        unsafe message.applications = try unsafe list(statistics.applications) { application throws(ArenaFull) in
            var part = unsafe Doorman__V1__ApplicationState()
            unsafe doorman__v1__application_state__init(&part)
            unsafe part.application_id = try unsafe arena.text(application.applicationID, allocator)
            unsafe part.provider = try unsafe arena.text(application.provider, allocator)
            unsafe part.circuit_breaker = Doorman__V1__CircuitBreaker(application.circuitBreaker)
            unsafe part.back_off_ms = application.backOff?.wholeMilliseconds ?? 0
            return unsafe part
        }
    }

    func latency(_ latency: LatencyHistogram.Snapshot) throws(ArenaFull) -> UnsafeMutablePointer<Doorman__V1__LatencyHistogram> {
        var message = unsafe Doorman__V1__LatencyHistogram()
        unsafe doorman__v1__latency_histogram__init(&message)
        unsafe message.sum_us = latency.sum.wholeMicroseconds
        unsafe message.n_buckets = latency.buckets.count
        unsafe message.buckets = try unsafe list(latency.buckets) { bucket throws(ArenaFull) in
            var part = unsafe Doorman__V1__LatencyBucket()
            unsafe doorman__v1__latency_bucket__init(&part)
            unsafe part.upper_us = bucket.upperBound.wholeMicroseconds
            unsafe part.count = bucket.count
            return unsafe part
        }
        return try unsafe arena.store(message, allocator)
    }

    private func numbers(
        _ numbers: [ServerStatistics.Name: UInt64]
    ) throws(ArenaFull) -> UnsafeMutablePointer<UnsafeMutablePointer<Doorman__V1__NamedNumber>?> {
        try unsafe list(numbers.sorted { $0.key.rawValue < $1.key.rawValue }) { number throws(ArenaFull) in
            var part = unsafe Doorman__V1__NamedNumber()
            unsafe doorman__v1__named_number__init(&part)
            unsafe part.name = try unsafe arena.text(number.key.rawValue, allocator)
            unsafe part.value = number.value
            return unsafe part
        }
    }

    private func list<Element, Message>(
        _ elements: [Element], _ make: (Element) throws(ArenaFull) -> Message
    ) throws(ArenaFull) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?> {
        var messages: [UnsafeMutablePointer<Message>] = unsafe []
        for element in elements { unsafe messages.append(try unsafe arena.store(try make(element), allocator)) }
        return try unsafe arena.array(messages, allocator)
    }
}

extension ServerStatistics.CallKind {
    fileprivate var order: (String, String, String, String) { (method, source, code, reason) }
}

extension ServerStatistics.LatencyKind {
    fileprivate var order: (String, String) { (method, source) }
}

extension ServerStatistics.ProviderRequestKind {
    fileprivate var order: (String, String, String) { (provider, endpoint, outcome) }
}

extension Duration {
    fileprivate var wholeMilliseconds: UInt64 { whole(perSecond: 1000, attoseconds: 1_000_000_000_000_000) }
    fileprivate var wholeMicroseconds: UInt64 { whole(perSecond: 1_000_000, attoseconds: 1_000_000_000_000) }

    private func whole(perSecond: Int64, attoseconds unit: Int64) -> UInt64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: perSecond)
        return overflow ? UInt64(Int64.max) : UInt64(max(0, whole + attoseconds / unit))
    }
}

extension Doorman__V1__CircuitBreaker {
    fileprivate init(_ breaker: ServerStatistics.CircuitBreaker) {
        self =
            switch breaker {
            case .closed: DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_CLOSED
            case .halfOpen: DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_HALF_OPEN
            case .open: DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_OPEN
            case .unknown: DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_UNKNOWN
            }
    }
}
