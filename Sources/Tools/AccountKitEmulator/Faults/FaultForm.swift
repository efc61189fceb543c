/// A kind of fault as the control path `/emulator/fault` takes it: its name and its parameters, which are numbers.
struct FaultForm: Sendable {
    struct Parameter: Sendable {
        let name: String
        let fallback: Int
        let most: Int
    }

    let name: String
    let parameters: [Parameter]
    /// A fault of the parameters' values, in their order; nil where they contradict each other.
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

    /// - Throws: ``EmulatorError`` that lists all names, if it is none of them.
    init(name: String?) throws(EmulatorError) {
        guard let form = Self.all.first(where: { $0.name == name }) else {
            throw EmulatorError(.badArgument, "name: must be one of " + Self.all.map(\.usage).joined(separator: ", "))
        }
        self = form
    }

    /// The fault with the parameters of the query; what is not there has its default.
    func fault(_ query: [String: String]) throws(EmulatorError) -> Fault {
        var values: [Int] = []
        for parameter in parameters {
            guard let text = query[parameter.name] else {
                values.append(parameter.fallback)
                continue
            }
            guard let value = Int(text), (0...parameter.most).contains(value) else {
                throw EmulatorError(.badArgument, "\(parameter.name): must be a number from 0 to \(parameter.most)")
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

extension FaultForm {
    static let all: [FaultForm] = [
        FaultForm("chunked") { _ in .chunked },
        FaultForm("latency", [milliseconds("milliseconds", 1000)]) { .latency(.milliseconds($0[0])) },
        FaultForm("jittered-latency", [milliseconds("from_milliseconds", 0), milliseconds("to_milliseconds", 1000)]) {
            $0[0] <= $0[1] ? .jitteredLatency(.milliseconds($0[0]) ... .milliseconds($0[1])) : nil
        },
        FaultForm("app-usage", usage(percent: 90)) { .appUsage(AppUsage($0)) },
        FaultForm("service-unavailable") { _ in .serviceUnavailable },
        FaultForm("unknown-error") { _ in .unknownError },
        FaultForm("throttled", usage(percent: 100, others: 25)) { .usageLimitReached(AppUsage($0)) },
        FaultForm("too-many-requests", retryAfter) { .tooManyRequests(retryAfterSeconds: $0[0]) },
        FaultForm("bare-too-many-requests", retryAfter) { .bareTooManyRequests(retryAfterSeconds: $0[0]) },
        FaultForm("bad-gateway") { _ in .badGateway },
        FaultForm("error-data-list") { _ in .errorDataList },
        FaultForm("application-missing") { _ in .applicationMissing },
        FaultForm("application-numeric") { _ in .applicationNumeric },
        FaultForm("application-foreign") { _ in .applicationForeign },
        FaultForm("no-contact") { _ in .noContact },
        FaultForm("wrong-content-type") { _ in .wrongContentType },
        FaultForm("empty-body") { _ in .emptyBody },
        FaultForm("truncated-json") { _ in .truncatedJSON },
        FaultForm("oversized-body", [Parameter(name: "bytes", fallback: 10_000_000, most: 1_000_000_000)]) {
            .oversizedBody(bytes: $0[0])
        },
        FaultForm("slow-headers", [milliseconds("pause_milliseconds", 50)]) { .slowHeaders(pause: .milliseconds($0[0])) },
        FaultForm("slow-body", [milliseconds("pause_milliseconds", 50)]) { .slowBody(pause: .milliseconds($0[0])) },
        FaultForm("reset") { _ in .reset },
        FaultForm("connection-reset") { _ in .connectionReset },
        FaultForm("go-away") { _ in .goAway },
        FaultForm("hang") { _ in .hang },
    ]

    private static func milliseconds(_ name: String, _ fallback: Int) -> Parameter {
        Parameter(name: name, fallback: fallback, most: 600_000)
    }

    private static let retryAfter = [Parameter(name: "retry_after", fallback: 30, most: 86_400)]

    /// Graph's own numbers go above a hundred.
    private static func usage(percent: Int, others: Int = 0) -> [Parameter] {
        [("percent", percent), ("total_cputime", others), ("total_time", others)].map {
            Parameter(name: $0.0, fallback: $0.1, most: 1000)
        }
    }
}

extension AppUsage {
    fileprivate init(_ values: [Int]) {
        self.init(callCount: values[0], totalCPUTime: values[1], totalTime: values[2])
    }
}

extension Fault {
    /// The fault of a name, with the parameters of the query.
    package init(name: String, parameters: [String: String]) throws(EmulatorError) {
        self = try FaultForm(name: name).fault(parameters)
    }

    /// The name and the values by which the control path would take it.
    var form: (name: String, values: [(name: String, value: Int)]) {
        func usage(_ usage: AppUsage) -> [(String, Int)] {
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
