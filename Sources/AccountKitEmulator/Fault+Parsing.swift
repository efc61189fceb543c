/// Faults by name, for the control path `/emulator/fault`.
extension Fault {
    /// Every name, and the parameters it takes with their defaults.
    static let names = [
        "chunked", "latency (milliseconds=1000)", "jittered-latency (from_milliseconds=0, to_milliseconds=1000)",
        "service-unavailable",
        "unknown-error", "throttled", "too-many-requests (retry_after=30)", "bare-too-many-requests (retry_after=30)",
        "bad-gateway", "error-data-list", "application-missing", "application-numeric", "application-foreign", "no-contact",
        "wrong-content-type",
        "empty-body", "truncated-json", "oversized-body (bytes=10000000)", "slow-headers (pause_milliseconds=50)",
        "slow-body (pause_milliseconds=50)", "reset", "hang",
    ]

    /// The fault of a name, with the parameters of the query.
    package init(name: String, parameters: [String: String]) throws(EmulatorError) {
        func number(_ key: String, _ fallback: Int, upTo limit: Int) throws(EmulatorError) -> Int {
            guard let text = parameters[key] else { return fallback }
            guard let value = Int(text), (0...limit).contains(value) else {
                throw EmulatorError(.badArgument, "\(key): must be a number from 0 to \(limit)")
            }
            return value
        }
        func milliseconds(_ key: String, _ fallback: Int) throws(EmulatorError) -> Duration {
            .milliseconds(try number(key, fallback, upTo: 600_000))
        }
        func retryAfter() throws(EmulatorError) -> Int { try number("retry_after", 30, upTo: 86_400) }

        switch name {
        case "chunked": self = .chunked
        case "latency": self = .latency(try milliseconds("milliseconds", 1000))
        case "jittered-latency":
            let (from, to) = (try milliseconds("from_milliseconds", 0), try milliseconds("to_milliseconds", 1000))
            guard from <= to else { throw EmulatorError(.badArgument, "from_milliseconds: must not be above to_milliseconds") }
            self = .jitteredLatency(from...to)
        case "service-unavailable": self = .serviceUnavailable
        case "unknown-error": self = .unknownError
        case "throttled": self = .throttled
        case "too-many-requests": self = .tooManyRequests(retryAfterSeconds: try retryAfter())
        case "bare-too-many-requests": self = .bareTooManyRequests(retryAfterSeconds: try retryAfter())
        case "bad-gateway": self = .badGateway
        case "error-data-list": self = .errorDataList
        case "application-missing": self = .applicationMissing
        case "application-numeric": self = .applicationNumeric
        case "application-foreign": self = .applicationForeign
        case "no-contact": self = .noContact
        case "wrong-content-type": self = .wrongContentType
        case "empty-body": self = .emptyBody
        case "truncated-json": self = .truncatedJSON
        case "oversized-body": self = .oversizedBody(bytes: try number("bytes", 10_000_000, upTo: 1_000_000_000))
        case "slow-headers": self = .slowHeaders(pause: try milliseconds("pause_milliseconds", 50))
        case "slow-body": self = .slowBody(pause: try milliseconds("pause_milliseconds", 50))
        case "reset": self = .reset
        case "hang": self = .hang
        default: throw EmulatorError(.badArgument, "name: must be one of " + Fault.names.joined(separator: ", "))
        }
    }
}
