import DoormanCore
import Testing

@testable import DoormanAdmin

@Suite("Text of the metrics")
struct MetricsTextTests {
    private static func lines(_ figures: AdminFigures = SampleFigures.figures) -> [Substring] {
        MetricsText.write(figures).split(separator: "\n")
    }

    @Test("every metric has a series in the sample, so that the other tests see it")
    func complete() {
        for metric in MetricCatalogue.all { #expect(!metric.series(SampleFigures.figures).isEmpty, "\(metric.name)") }
        #expect(Set(MetricCatalogue.all.map(\.name)).count == MetricCatalogue.all.count)
    }

    @Test("each line is valid, and each metric begins with its help and type")
    func valid() throws {
        let label = #"[a-z_]+="(?:[^"\\\n]|\\[\\"n])*""#
        let series = try Regex(#"[a-z_]+(?:\{\#(label)(?:,\#(label))*\})? (?:[0-9.e+-]+|NaN)"#)
        var metric: Metric?
        var rest = MetricCatalogue.all[...]
        for line in Self.lines() {
            if line.hasPrefix("# HELP ") {
                metric = rest.removeFirst()
                #expect(line == "# HELP \(metric?.name ?? "") \(metric?.help ?? "")")
            } else if line.hasPrefix("# TYPE ") {
                #expect(line == "# TYPE \(metric?.name ?? "") \(metric?.kind.rawValue ?? "")")
            } else {
                #expect(line.wholeMatch(of: series) != nil, "\(line)")
                #expect(line.hasPrefix(metric?.name ?? "?"))
            }
        }
        #expect(rest.isEmpty)
        #expect(MetricsText.write(SampleFigures.figures).hasSuffix("\n"))
    }

    @Test("names have the suffixes that Prometheus asks for")
    func names() throws {
        for metric in MetricCatalogue.all {
            #expect(metric.name.hasPrefix("doorman_") || metric.name.hasPrefix("process_"))
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            if metric.kind == .histogram { #expect(metric.name.hasSuffix("_seconds")) }
            #expect(!metric.labels.contains("le"))
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("\n"))
        }
    }

    @Test("no two series are the same")
    func distinct() {
        let keys = Self.lines().filter { !$0.hasPrefix("#") }.map { $0[..<($0.lastIndex(of: " ") ?? $0.endIndex)] }
        #expect(Set(keys).count == keys.count)
    }

    @Test("the values are those of the statistics")
    func values() {
        let lines = Set(Self.lines().map(String.init))
        for line in [
            #"doorman_build_info{version="1.2.3"} 1"#, "doorman_start_timestamp_seconds 1700000000.5", "doorman_ready 1",
            "doorman_draining 0",
            #"doorman_calls_total{method="Verify",protocol="ttrpc",source="cache",code="OK",reason=""} 900"#,
            #"doorman_calls_total{method="Verify",protocol="http2",source="provider",code="UNAUTHENTICATED",reason="TOKEN_REJECTED"} 1"#,
            #"doorman_call_duration_seconds_bucket{method="Verify",protocol="ttrpc",source="cache",le="0.000008"} 900"#,
            #"doorman_rule_calls_total{rule="local"} 900"#, #"doorman_rule_turned_down_total{rule="local",cause="rate"} 1"#,
            #"doorman_cache_hits_total{segment="valid"} 870"#, #"doorman_cache_hits_total{segment="negative"} 30"#,
            #"doorman_cache_entries{segment="valid"} 59000"#,
            #"doorman_cache_evictions_total{segment="valid",cause="entries"} 5"#,
            #"doorman_cache_evictions_total{segment="valid",cause="bytes"} 2"#,
            #"doorman_cache_age_at_serve_seconds_bucket{le="5"} 1"#, #"doorman_cache_age_at_serve_seconds_bucket{le="3600"} 1"#,
            #"doorman_cache_age_at_serve_seconds_bucket{le="+Inf"} 2"#, "doorman_cache_age_at_serve_seconds_sum 7203.5",
            #"doorman_connections{protocol="http2"} 1"#, #"doorman_connections_accepted_total{protocol="ttrpc"} 0"#,
            #"doorman_tls_handshakes_total{result="completed"} 1"#, #"doorman_event_loop_lag_seconds_bucket{le="0.000064"} 1"#,
            #"doorman_provider_rate_permits{provider="facebook",application="123"} 1000"#,
            #"doorman_provider_retry_permits{provider="facebook",application="123"} 10"#,
            "doorman_cache_sustainable_entries 60000", "doorman_denials 4",
            #"doorman_provider_requests_total{provider="facebook",endpoint="me",outcome="success"} 70"#,
            #"doorman_provider_requests_in_flight{provider="facebook",application="123"} 6"#,
            #"doorman_provider_circuit_breaker_state{provider="facebook",application="123",state="half_open"} 1"#,
            #"doorman_provider_circuit_breaker_state{provider="facebook",application="123",state="closed"} 0"#,
            #"doorman_provider_back_off_seconds{provider="facebook",application="123"} 1.5"#,
            #"doorman_connections_closed_total{reason="idle"} 5"#, #"doorman_reloads_total{outcome="failed"} 1"#,
            #"doorman_limit_used_ratio{setting="server.max-connections",provider="",application=""} 0.005"#,
            "doorman_tls_certificate_expiry_timestamp_seconds 1800000000", "process_resident_memory_bytes 67108864",
            "doorman_tls_certificate_not_before_timestamp_seconds 1650000000",
            "doorman_tls_client_authority_expiry_timestamp_seconds 1900000000", "doorman_reload_last_successful 0",
            #"doorman_provider_keys_usable_seconds{provider="login"} 86400.0"#, "doorman_accept_failures_total 6",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(!lines.contains { $0.contains("provider.max-waiting-calls") }, "a limit of 0 has no used part")
    }

    @Test("a server that drains is not ready")
    func draining() {
        var figures = SampleFigures.figures
        figures.readiness = .draining
        #expect(Self.lines(figures).contains("doorman_ready 0"))
        #expect(Self.lines(figures).contains("doorman_draining 1"))
    }

    @Test("buckets are cumulative, and no latency is lost")
    func histogram() {
        let name = "doorman_provider_request_duration_seconds"
        let lines = Self.lines().filter { $0.hasPrefix(name) }
        let labels = #"provider="facebook",endpoint="me""#
        #expect(lines.first == #"\#(name)_bucket{\#(labels),le="0.000008"} 3"#)
        #expect(lines.dropFirst().first == #"\#(name)_bucket{\#(labels),le="0.000016"} 7"#)
        #expect(
            lines.suffix(4) == [
                #"\#(name)_bucket{\#(labels),le="16.777216"} 7"#, #"\#(name)_bucket{\#(labels),le="+Inf"} 15"#,
                "\(name)_sum{\(labels)} 0.001234", "\(name)_count{\(labels)} 15",
            ])
    }

    @Test("the bounds of the buckets are bounds of the server's histogram")
    func bounds() {
        for bound in MetricsText.bucketBounds {
            var histogram = LatencyHistogram()
            histogram.record(.microseconds(bound))
            #expect(histogram.snapshot.buckets.map(\.upperBound) == [.microseconds(bound)])
        }
    }

    @Test("quotes, backslashes and newlines in a label are escaped")
    func escaping() {
        var figures = SampleFigures.figures
        figures.statistics.version = "a\"b\\c\nd"
        #expect(Self.lines(figures).contains(#"doorman_build_info{version="a\"b\\c\nd"} 1"#))
    }

    @Test("figures that the server lacks have no series")
    func absent() {
        var figures = SampleFigures.figures
        figures.statistics.gauges[.tlsCertificateExpiry] = nil
        figures.statistics.gauges[.tlsCertificateNotBefore] = nil
        figures.process = ProcessFigures()
        #expect(!MetricsText.write(figures).contains("certificate"))
        #expect(!MetricsText.write(figures).contains("process_"))
    }
}
