/// How often everything was asked for since the start, or since the last reset. Control calls don't count.
package struct Statistics: Sendable, Hashable {
    private var calls: [Endpoint: Int] = [:]

    package init() {}

    /// The calls of one endpoint, also those that a fault spoilt.
    package subscript(endpoint: Endpoint) -> Int {
        calls[endpoint] ?? 0
    }

    /// The calls of all endpoints.
    package var total: Int { calls.values.reduce(0, +) }

    mutating func count(_ endpoint: Endpoint) {
        calls[endpoint, default: 0] += 1
    }

    var json: JSON {
        let counts = Endpoint.allCases.map { JSON.Member($0.rawValue, .integer(self[$0])) }
        return .object(counts + [JSON.Member("total", .integer(total))])
    }
}
