internal import DoormanCore
internal import DoormanServer

/// All metrics, in the order in which they are written and documented. Each has one entry, and nothing else knows it.
package enum MetricCatalogue {
    package static let all: [Metric] = server + calls + cache + provider + fleet + connections + limits + process

    private static let server: [Metric] = [
        Metric(.gauge, "doorman_build_info", ["version"], "Always 1. The label has the version.") { figures in
            [Metric.Series([figures.statistics.version], .count(1))]
        },
        Metric(.gauge, "doorman_start_timestamp_seconds", "Start of the server, in seconds of Unix time.") { figures in
            .number(Double(figures.statistics.startedAt.millisecondsSince1970) / 1000)
        },
        Metric(.gauge, "doorman_ready", "Whether the server should get calls, as /readyz says.") {
            .condition($0.readiness == .ready)
        },
        Metric(.gauge, "doorman_draining", "Whether the server drains: it finishes its calls and ends.") {
            .condition($0.readiness == .draining)
        },
        Metric(.counter, "doorman_reloads_total", ["outcome"], "Reloads of the settings.") { figures in
            [("applied", ServerStatistics.Name.reloadsApplied), ("failed", .reloadsFailed)].map { outcome, counter in
                Metric.Series([outcome], .count(figures.statistics.counters[counter] ?? 0))
            }
        },
        Metric(
            .gauge, "doorman_reload_last_successful",
            "1 if the last reload of the settings succeeded or there was none, 0 if it failed."
        ) { $0.statistics.gauges[.reloadsLastApplied].map { .count($0) } },
        Metric(
            "doorman_log_lines_dropped_total", .logLinesDropped,
            "Log lines that were dropped, because the log was not read, or could not be written."),
    ]

    private static let calls: [Metric] = [
        Metric(
            .counter, "doorman_calls_total", ["method", "protocol", "source", "code", "reason"],
            "Completed calls by method, wire protocol, source of the response, status code and reason of a failure."
        ) { figures in
            figures.details.counters.calls.map { ending, count in
                let kind = ServerStatistics.CallKind(ending)
                return Metric.Series(
                    [kind.method, ending.wireProtocol.rawValue, kind.source, kind.code, kind.reason], .count(count))
            }
        },
        Metric(
            .histogram, "doorman_call_duration_seconds", ["method", "protocol", "source"],
            "Time from the arrival of a request to its response, cache hits included."
        ) { figures in
            figures.details.counters.latencies.map { key, latencies in
                let kind = ServerStatistics.LatencyKind(key)
                return Metric.Series([kind.method, key.wireProtocol.rawValue, kind.source], .latencies(latencies.snapshot))
            }
        },
        Metric(
            .counter, "doorman_rule_calls_total", ["rule"],
            "Calls that the permissions and the rate limit of the caller's rule in the policy allowed."
        ) { figures in
            figures.details.counters.rules.map { Metric.Series([$0.key], .count($0.value.calls)) }
        },
        Metric(
            .counter, "doorman_rule_turned_down_total", ["rule", "cause"],
            "Calls that the caller's rule in the policy turned down, by the cause."
        ) { figures in
            figures.details.counters.rules.flatMap { rule, counts in
                RuleCounters.Cause.allCases.map { cause in
                    Metric.Series([rule, cause.rawValue], .count(counts.turnedDown[cause] ?? 0))
                }
            }
        },
    ]

    private static let cache: [Metric] = [
        Metric(
            .counter, "doorman_cache_hits_total", ["segment"],
            "Calls that the cache answered: with an identity, or with a rejection."
        ) { figures in
            let cache = figures.details.cache
            return Segment.allCases.map { segment in
                Metric.Series([segment.rawValue], .count(segment == .valid ? cache.hits - cache.negativeHits : cache.negativeHits))
            }
        },
        Metric("doorman_cache_misses_total", .cacheMisses, "Calls without a usable cached entry at first."),
        Metric("doorman_cache_joins_total", .cacheJoined, "Cache misses that joined a lookup in flight for the same token."),
        Metric(
            "doorman_cache_stale_hits_total", .cacheStaleHits,
            "Calls answered past an entry's TTL, because the provider was unavailable."),
        Metric("doorman_cache_refreshes_total", .cacheRefreshed, "Refreshes of entries before the end of their TTL."),
        Metric(
            .counter, "doorman_cache_evictions_total", ["segment", "cause"],
            "Entries evicted before their TTL ended, by the limit that was reached."
        ) { figures in
            [(Segment.valid, figures.details.cache.valid), (.negative, figures.details.cache.negative)].flatMap { segment, cache in
                [("entries", cache.evictions - cache.evictionsForBytes), ("bytes", cache.evictionsForBytes)].map { cause, count in
                    Metric.Series([segment.rawValue, cause], .count(count))
                }
            }
        },
        Metric(
            .histogram, "doorman_cache_age_at_serve_seconds",
            "Age of the verdicts that cache hits returned. About one hit in 64 is recorded."
        ) { .ages($0.details.cache.ages) },
        Metric(.gauge, "doorman_cache_entries", ["segment"], "Cached verdicts.") { figures in
            segments(figures, valid: "cache.max-entries", negative: "cache.max-negative-entries")
        },
        Metric(.gauge, "doorman_cache_bytes", ["segment"], "Memory of cached verdicts.") { figures in
            segments(figures, valid: "cache.max-bytes", negative: "cache.max-negative-bytes")
        },
        Metric(.gauge, "doorman_cache_in_flight_lookups", "Tokens for which the cache waits for a provider.") {
            $0.statistics.gauges[.cacheInFlightLookups].map { .count($0) }
        },
        Metric(
            .gauge, "doorman_cache_sustainable_entries",
            "Entries of an application that can be kept fresh: the provider's rate times the TTL."
        ) { $0.statistics.gauges[.cacheCapacity].map { .count($0) } },
        Metric(
            "doorman_cache_rejection_storms_total", .cacheRejectionStorms,
            "Times when most known tokens were rejected, which is taken for an outage of the provider."),
        Metric(.gauge, "doorman_denials", "Entries of the denial list.") { figures in
            figures.statistics.limit("cache.max-denials").map { .count($0.used) }
        },
        Metric(
            "doorman_local_denials_total", .cacheLocalDenials,
            "Revoked tokens that this server denies by itself, because their provider can't revoke them."),
    ]

    private static let provider: [Metric] = [
        Metric(
            .counter, "doorman_provider_requests_total", ["provider", "endpoint", "outcome"],
            "Provider requests by the provider's endpoint and outcome."
        ) { figures in
            figures.statistics.providerRequests.map { kind, count in
                Metric.Series([kind.provider, kind.endpoint, kind.outcome], .count(count))
            }
        },
        Metric(
            .histogram, "doorman_provider_request_duration_seconds", ["provider", "endpoint"],
            "Time to the provider's response. Requests without a response are not among them."
        ) { figures in
            figures.details.endpointLatencies.map { Metric.Series([$0.provider, $0.endpoint], .latencies($0.latency)) }
        },
        Metric(.gauge, "doorman_provider_requests_in_flight", applicationLabels, "Provider requests in flight.") { figures in
            applications(figures, used: "provider.max-concurrent-calls")
        },
        Metric(.gauge, "doorman_provider_requests_waiting", applicationLabels, "Calls that wait to begin a provider request.") {
            applications($0, used: "provider.max-waiting-calls")
        },
        Metric(
            .gauge, "doorman_provider_circuit_breaker_state", applicationLabels + ["state"],
            "1 for the state of the circuit breaker, 0 for the other states."
        ) { figures in
            figures.statistics.applications.flatMap { application in
                [("closed", ServerStatistics.CircuitBreaker.closed), ("half_open", .halfOpen), ("open", .open)].map { name, state in
                    Metric.Series(
                        [application.provider, application.applicationID, name], .condition(application.circuitBreaker == state))
                }
            }
        },
        Metric(
            .gauge, "doorman_provider_back_off_seconds", applicationLabels,
            "Rest of the back-off after the provider throttled, otherwise 0."
        ) { figures in
            figures.statistics.applications.map { application in
                Metric.Series([application.provider, application.applicationID], .seconds(application.backOff ?? .zero))
            }
        },
        Metric(
            .gauge, "doorman_provider_rate_permits", applicationLabels, "Provider requests that the rate limit allows at once now."
        ) { figures in
            figures.details.permits.map { Metric.Series([$0.provider, $0.applicationID], .count(UInt64(max(0, $0.rate)))) }
        },
        Metric(.gauge, "doorman_provider_retry_permits", applicationLabels, "Retries that the retry budget allows now.") {
            figures in
            figures.details.permits.map { Metric.Series([$0.provider, $0.applicationID], .count(UInt64(max(0, $0.retries)))) }
        },
        Metric(
            .gauge, "doorman_provider_credential_working", applicationLabels,
            "1 if the application's credential works, 0 if the provider rejects it. Absent while neither is known."
        ) { figures in
            figures.details.credentials.map { Metric.Series([$0.provider, $0.applicationID], .condition($0.isWorking)) }
        },
        Metric(
            .gauge, "doorman_provider_keys_usable_seconds", ["provider"],
            "Time for which the issuer's keys can be used without another successful fetch, 0 without keys."
        ) { figures in
            figures.details.issuerKeys.map { Metric.Series([$0.provider], .seconds($0.usableFor)) }
        },
        Metric(
            "doorman_provider_connections_opened_total", .providerConnectionsOpened,
            "Connections to providers that were opened or attempted."),
    ]

    private static let connections: [Metric] = [
        Metric(.gauge, "doorman_connections", ["protocol"], "Open connections whose protocol is known.") { figures in
            ServerProtocol.allCases.map { wireProtocol in
                let open = figures.details.counters.connections[wireProtocol]?.open ?? 0
                return Metric.Series([wireProtocol.rawValue], .count(UInt64(max(0, open))))
            }
        },
        Metric(
            .counter, "doorman_connections_accepted_total", ["protocol"],
            "Connections that were accepted, and whose protocol is known."
        ) { figures in
            ServerProtocol.allCases.map { wireProtocol in
                let accepted = figures.details.counters.connections[wireProtocol]?.accepted ?? 0
                return Metric.Series([wireProtocol.rawValue], .count(accepted))
            }
        },
        Metric(
            .counter, "doorman_connections_closed_total", ["reason"], "Connections that the server closed for a reason of its own."
        ) { figures in
            figures.statistics.connectionsClosed.map { Metric.Series([$0.reason], .count($0.count)) }
        },
        Metric(
            "doorman_accept_failures_total", .connectionsAcceptFailures,
            "Times when connections could not be accepted, for example without file descriptors."),
        Metric(.counter, "doorman_tls_handshakes_total", ["result"], "TLS handshakes by their end.") { figures in
            let handshakes = figures.details.counters.handshakes
            return [("completed", handshakes.completed), ("failed", handshakes.failed)].map { Metric.Series([$0], .count($1)) }
        },
        Metric(
            .histogram, "doorman_event_loop_lag_seconds", "Delay of a task that is due on each event loop once a second."
        ) { .latencies($0.details.counters.loopLag.snapshot) },
        Metric(
            .gauge, "doorman_tls_certificate_expiry_timestamp_seconds",
            "End of the server's certificate, or of an intermediate that ends first, in seconds of Unix time. Only with TLS."
        ) { $0.statistics.gauges[.tlsCertificateExpiry].map { .count($0) } },
        Metric(
            .gauge, "doorman_tls_certificate_not_before_timestamp_seconds",
            "Begin of the server's certificate, in seconds of Unix time. Only with TLS."
        ) { $0.statistics.gauges[.tlsCertificateNotBefore].map { .count($0) } },
        Metric(
            .gauge, "doorman_tls_client_authority_expiry_timestamp_seconds",
            "End of the next authority in tls.client-ca-file, in seconds of Unix time. If all have ended, the end of the last one."
        ) { $0.statistics.gauges[.tlsClientAuthorityExpiry].map { .count($0) } },
    ]

    private static let limits: [Metric] = [
        Metric(
            .gauge, "doorman_limit_used_ratio", ["setting"] + applicationLabels,
            "Used part of a limit, from 0 to 1. Provider and application are empty for a limit of the whole server."
        ) { figures in
            figures.statistics.limits.compactMap { limit in
                limit.fullness.map {
                    Metric.Series([limit.setting, limit.provider ?? "", limit.applicationID ?? ""], .number($0))
                }
            }
        }
    ]

    private static let process: [Metric] = [
        Metric(.counter, "process_cpu_seconds_total", "User and system time of the process.") {
            $0.process.cpuSeconds.map { .number($0) }
        },
        Metric(.gauge, "process_resident_memory_bytes", "Resident memory of the process.") {
            $0.process.residentBytes.map { .count($0) }
        },
        Metric(.gauge, "process_virtual_memory_bytes", "Virtual memory of the process.") {
            $0.process.virtualBytes.map { .count($0) }
        },
        Metric(.gauge, "process_open_fds", "Open file descriptors.") { $0.process.openDescriptors.map { .count($0) } },
        Metric(.gauge, "process_max_fds", "Maximum open file descriptors.") { $0.process.maximumDescriptors.map { .count($0) } },
        Metric(.gauge, "process_start_time_seconds", "Start of the process, in seconds of Unix time.") {
            $0.process.startTime.map { .number($0) }
        },
        Metric(.gauge, "process_threads", "Threads of the process.") { $0.process.threads.map { .count($0) } },
    ]

    // MARK: - Series that several metrics have

    private enum Segment: String, CaseIterable {
        case valid, negative
    }

    private static let applicationLabels = ["provider", "application"]

    private static func segments(_ figures: AdminFigures, valid: String, negative: String) -> [Metric.Series] {
        Segment.allCases.compactMap { segment in
            figures.statistics.limit(segment == .valid ? valid : negative).map { limit in
                Metric.Series([segment.rawValue], .count(limit.used))
            }
        }
    }

    private static func applications(_ figures: AdminFigures, used setting: String) -> [Metric.Series] {
        figures.statistics.limits.filter { $0.setting == setting }.map { limit in
            Metric.Series([limit.provider ?? "", limit.applicationID ?? ""], .count(limit.used))
        }
    }
}

extension ServerStatistics {
    /// Returns a limit of the whole server.
    func limit(_ setting: String) -> LimitState? { limits.first { $0.setting == setting && $0.applicationID == nil } }

    /// The connections that the server closed, by reason in alphabetical order.
    var connectionsClosed: [(reason: String, count: UInt64)] {
        let prefix = Name.connectionsClosed("").rawValue
        return counters.filter { $0.key.rawValue.hasPrefix(prefix) }
            .map { (reason: String($0.key.rawValue.dropFirst(prefix.count)), count: $0.value) }
            .sorted { $0.reason < $1.reason }
    }
}
