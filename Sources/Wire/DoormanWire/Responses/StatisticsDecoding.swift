private import CDoormanProtos
private import CProtobufC
package import DoormanCore

extension ResponseDecoder {
    /// Decodes the response to `Get`.
    package static func statistics(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<ServerStatistics> {
        decode(data, in: arena) { payload in
            unsafe arena.value(in: payload, doorman__v1__server_stats__unpack) { unsafe ServerStatistics($0) }
        }
    }
}

extension ServerStatistics {
    /// `nil` if a text is not UTF-8.
    fileprivate init?(_ message: UnsafeMutablePointer<Doorman__V1__ServerStats>) {
        self.init()
        startedAt = Timestamp(millisecondsSince1970: unsafe message.pointee.started_at_ms)
        uptime = .milliseconds(Int64(clamping: unsafe message.pointee.uptime_ms))
        guard let version = unsafe optionalText(message.pointee.version) else { return nil }
        self.version = version
        guard unsafe readCounts(message), unsafe readLatencies(message), unsafe readStates(message) else { return nil }
    }

    private mutating func readLatencies(_ message: UnsafeMutablePointer<Doorman__V1__ServerStats>) -> Bool {
        if let latency = unsafe message.pointee.provider_latency { providerLatency = unsafe LatencyHistogram.Snapshot(latency) }
        for index in unsafe 0..<message.pointee.n_call_latencies {
            guard let part = unsafe message.pointee.call_latencies[index], let method = unsafe optionalText(part.pointee.method),
                let source = unsafe optionalText(part.pointee.source)
            else { return false }
            guard let latency = unsafe part.pointee.latency else { continue }
            latencies[LatencyKind(method: method, source: source)] = unsafe LatencyHistogram.Snapshot(latency)
        }
        return true
    }

    private mutating func readCounts(_ message: UnsafeMutablePointer<Doorman__V1__ServerStats>) -> Bool {
        for index in unsafe 0..<message.pointee.n_calls {
            guard let part = unsafe message.pointee.calls[index], let method = unsafe optionalText(part.pointee.method),
                let source = unsafe optionalText(part.pointee.source), let code = unsafe optionalText(part.pointee.code),
                let reason = unsafe optionalText(part.pointee.reason)
            else { return false }
            calls[CallKind(method: method, source: source, code: code, reason: reason)] = unsafe part.pointee.count
        }
        for index in unsafe 0..<message.pointee.n_provider_requests {
            guard let part = unsafe message.pointee.provider_requests[index],
                let endpoint = unsafe optionalText(part.pointee.endpoint), let outcome = unsafe optionalText(part.pointee.outcome),
                let provider = unsafe optionalText(part.pointee.provider)
            else { return false }
            providerRequests[ProviderRequestKind(provider: provider, endpoint: endpoint, outcome: outcome)] = unsafe part.pointee
                .count
        }
        return unsafe read(message.pointee.counters, message.pointee.n_counters, into: &counters)
            && read(message.pointee.gauges, message.pointee.n_gauges, into: &gauges)
    }

    private func read(
        _ parts: UnsafeMutablePointer<UnsafeMutablePointer<Doorman__V1__NamedNumber>?>?, _ count: Int,
        into numbers: inout [Name: UInt64]
    ) -> Bool {
        for index in 0..<count {
            guard let part = unsafe parts?[index], let name = unsafe optionalText(part.pointee.name) else { return false }
            numbers[Name(rawValue: name)] = unsafe part.pointee.value
        }
        return true
    }

    private mutating func readStates(_ message: UnsafeMutablePointer<Doorman__V1__ServerStats>) -> Bool {
        for index in unsafe 0..<message.pointee.n_limits {
            guard let part = unsafe message.pointee.limits[index], let setting = unsafe optionalText(part.pointee.setting),
                let application = unsafe optionalText(part.pointee.application_id),
                let provider = unsafe optionalText(part.pointee.provider)
            else { return false }
            limits.append(
                LimitState(
                    setting: setting, provider: provider.isEmpty ? nil : provider,
                    applicationID: application.isEmpty ? nil : application, used: unsafe part.pointee.used,
                    limit: unsafe part.pointee.limit))
        }
        for index in unsafe 0..<message.pointee.n_applications {
            guard let part = unsafe message.pointee.applications[index],
                let id = unsafe optionalText(part.pointee.application_id), let provider = unsafe optionalText(part.pointee.provider)
            else { return false }
            let backOff = unsafe Int64(clamping: part.pointee.back_off_ms)
            applications.append(
                ApplicationState(
                    provider: provider, applicationID: id, circuitBreaker: CircuitBreaker(unsafe part.pointee.circuit_breaker),
                    backOff: backOff == 0 ? nil : .milliseconds(backOff)))
        }
        return true
    }
}

extension LatencyHistogram.Snapshot {
    fileprivate init(_ message: UnsafeMutablePointer<Doorman__V1__LatencyHistogram>) {
        self.init(
            sum: .microseconds(Int64(clamping: unsafe message.pointee.sum_us)),
            buckets: (unsafe 0..<message.pointee.n_buckets).compactMap { index in
                unsafe message.pointee.buckets[index].map { bucket in
                    Bucket(
                        upperBound: .microseconds(Int64(clamping: unsafe bucket.pointee.upper_us)),
                        count: unsafe bucket.pointee.count)
                }
            })
    }
}

extension ServerStatistics.CircuitBreaker {
    fileprivate init(_ breaker: Doorman__V1__CircuitBreaker) {
        self =
            switch breaker {
            case DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_CLOSED: .closed
            case DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_HALF_OPEN: .halfOpen
            case DOORMAN__V1__CIRCUIT_BREAKER__CIRCUIT_BREAKER_OPEN: .open
            default: .unknown
            }
    }
}
