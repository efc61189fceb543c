/// A kind of fault for the control path `/emulator/fault`: its name and its parameters, which are numbers.
struct FaultDefinition: Sendable {
    struct Parameter: Sendable {
        let name: String
        let fallback: Int
        let maximum: Int
    }

    let name: String
    let parameters: [Parameter]
    /// Returns the fault for the values of the parameters, in their order; `nil` if they contradict each other.
    private let make: @Sendable ([Int]) -> Fault?

    private init(_ name: String, _ parameters: [Parameter] = [], make: @escaping @Sendable ([Int]) -> Fault?) {
        self.name = name
        self.parameters = parameters
        self.make = make
    }

    /// The name, and the parameters with their defaults.
    private var usage: String {
        guard !parameters.isEmpty else { return name }
        return name + " (" + parameters.map { "\($0.name)=\($0.fallback)" }.joined(separator: ", ") + ")"
    }

    /// Finds a definition by its name.
    ///
    /// - Throws: ``EmulatorError`` that lists all names if the name is unknown.
    init(name: String?) throws(EmulatorError) {
        guard let definition = Self.all.first(where: { $0.name == name }) else {
            throw EmulatorError(.badArgument, "name: must be one of " + Self.all.map(\.usage).joined(separator: ", "))
        }
        self = definition
    }

    /// Returns the fault with the parameters of the query, or their defaults.
    func fault(_ query: [String: String]) throws(EmulatorError) -> Fault {
        var values: [Int] = []
        for parameter in parameters {
            guard let text = query[parameter.name] else {
                values.append(parameter.fallback)
                continue
            }
            guard let value = Int(text), (0...parameter.maximum).contains(value) else {
                throw EmulatorError(.badArgument, "\(parameter.name): must be a number from 0 to \(parameter.maximum)")
            }
            values.append(value)
        }
        guard let fault = make(values) else {
            let names = parameters.map(\.name).joined(separator: ": must not be above ")
            throw EmulatorError(.badArgument, names)
        }
        return fault
    }
}

extension FaultDefinition {
    static let all: [FaultDefinition] = [
        FaultDefinition("chunked") { _ in .chunked },
        FaultDefinition("latency", [milliseconds("milliseconds", 1000)]) { .latency(.milliseconds($0[0])) },
        FaultDefinition("jittered-latency", [milliseconds("from_milliseconds", 0), milliseconds("to_milliseconds", 1000)]) {
            $0[0] <= $0[1] ? .jitteredLatency(.milliseconds($0[0]) ... .milliseconds($0[1])) : nil
        },
        FaultDefinition("app-usage", usage(percent: 90)) { .appUsage(AppUsageHeader($0)) },
        FaultDefinition("service-unavailable") { _ in .serviceUnavailable },
        FaultDefinition("unknown-error") { _ in .unknownError },
        FaultDefinition("throttled", usage(percent: 100, others: 25)) { .usageLimitReached(AppUsageHeader($0)) },
        FaultDefinition("too-many-requests", retryAfter) { .tooManyRequests(retryAfterSeconds: $0[0]) },
        FaultDefinition("bare-too-many-requests", retryAfter) { .bareTooManyRequests(retryAfterSeconds: $0[0]) },
        FaultDefinition("bad-gateway") { _ in .badGateway },
        FaultDefinition("error-data-list") { _ in .errorDataList },
        FaultDefinition("application-missing") { _ in .applicationMissing },
        FaultDefinition("application-numeric") { _ in .applicationNumeric },
        FaultDefinition("application-foreign") { _ in .applicationForeign },
        FaultDefinition("no-contact") { _ in .noContact },
        FaultDefinition("wrong-content-type") { _ in .wrongContentType },
        FaultDefinition("empty-body") { _ in .emptyBody },
        FaultDefinition("truncated-json") { _ in .truncatedJSON },
        FaultDefinition("oversized-body", [Parameter(name: "bytes", fallback: 10_000_000, maximum: 1_000_000_000)]) {
            .oversizedBody(bytes: $0[0])
        },
        FaultDefinition("slow-headers", [milliseconds("pause_milliseconds", 50)]) { .slowHeaders(pause: .milliseconds($0[0])) },
        FaultDefinition("slow-body", [milliseconds("pause_milliseconds", 50)]) { .slowBody(pause: .milliseconds($0[0])) },
        FaultDefinition("reset") { _ in .reset },
        FaultDefinition("connection-reset") { _ in .connectionReset },
        FaultDefinition("go-away") { _ in .goAway },
        FaultDefinition("hang") { _ in .hang },
    ]

    private static func milliseconds(_ name: String, _ fallback: Int) -> Parameter {
        Parameter(name: name, fallback: fallback, maximum: 600_000)
    }

    private static let retryAfter = [Parameter(name: "retry_after", fallback: 30, maximum: 86_400)]

    /// The parameters of `X-App-Usage`. Graph reports usage above 100 %.
    private static func usage(percent: Int, others: Int = 0) -> [Parameter] {
        [("percent", percent), ("total_cputime", others), ("total_time", others)].map {
            Parameter(name: $0.0, fallback: $0.1, maximum: 1000)
        }
    }
}

extension AppUsageHeader {
    fileprivate init(_ values: [Int]) {
        self.init(callCount: values[0], totalCPUTime: values[1], totalTime: values[2])
    }
}

extension Fault {
    /// Creates a fault from its name and the parameters of a query.
    package init(name: String, parameters: [String: String]) throws(EmulatorError) {
        self = try FaultDefinition(name: name).fault(parameters)
    }

    /// The name and the values that the control path takes for this fault.
    var definition: (name: String, values: [(name: String, value: Int)]) {
        func usage(_ usage: AppUsageHeader) -> [(String, Int)] {
            [("percent", usage.callCount), ("total_cputime", usage.totalCPUTime), ("total_time", usage.totalTime)]
        }
        func whole(_ time: Duration) -> Int { Int(time.nanoseconds / 1_000_000) }

        return switch self {
        case .chunked: ("chunked", [])
        case .latency(let time): ("latency", [("milliseconds", whole(time))])
        case .jitteredLatency(let range):
            (
                "jittered-latency",
                [("from_milliseconds", whole(range.lowerBound)), ("to_milliseconds", whole(range.upperBound))]
            )
        case .appUsage(let value): ("app-usage", usage(value))
        case .serviceUnavailable: ("service-unavailable", [])
        case .unknownError: ("unknown-error", [])
        case .usageLimitReached(let value): ("throttled", usage(value))
        case .tooManyRequests(let seconds): ("too-many-requests", [("retry_after", seconds)])
        case .bareTooManyRequests(let seconds): ("bare-too-many-requests", [("retry_after", seconds)])
        case .badGateway: ("bad-gateway", [])
        case .errorDataList: ("error-data-list", [])
        case .applicationMissing: ("application-missing", [])
        case .applicationNumeric: ("application-numeric", [])
        case .applicationForeign: ("application-foreign", [])
        case .noContact: ("no-contact", [])
        case .wrongContentType: ("wrong-content-type", [])
        case .emptyBody: ("empty-body", [])
        case .truncatedJSON: ("truncated-json", [])
        case .oversizedBody(let bytes): ("oversized-body", [("bytes", bytes)])
        case .slowHeaders(let pause): ("slow-headers", [("pause_milliseconds", whole(pause))])
        case .slowBody(let pause): ("slow-body", [("pause_milliseconds", whole(pause))])
        case .reset: ("reset", [])
        case .connectionReset: ("connection-reset", [])
        case .goAway: ("go-away", [])
        case .hang: ("hang", [])
        }
    }
}
