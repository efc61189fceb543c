/// Counters of calls and connections since the start or the last reset. Calls of control paths are not counted; their connections
/// are.
package struct EmulatorStatistics: Sendable, Hashable {
    package struct Connections: Sendable, Hashable {
        /// Connections accepted.
        package private(set) var accepted = 0
        /// Accepted connections that negotiated HTTP/2.
        package private(set) var http2 = 0
        /// Connections that are open now. A reset leaves this count alone.
        package private(set) var open = 0

        mutating func begin() {
            accepted += 1
            open += 1
        }

        mutating func noteHTTP2() { http2 += 1 }

        mutating func end() { open -= 1 }

        mutating func reset() {
            accepted = 0
            http2 = 0
        }
    }

    private var calls: [Endpoint: Int] = [:]
    package internal(set) var connections = Connections()

    package init() {}

    /// The number of calls of an endpoint, including calls with a fault.
    package subscript(endpoint: Endpoint) -> Int {
        calls[endpoint] ?? 0
    }

    /// The number of calls of all endpoints.
    package var total: Int { calls.values.reduce(0, +) }

    mutating func count(_ endpoint: Endpoint) {
        calls[endpoint, default: 0] += 1
    }

    mutating func reset() {
        calls = [:]
        connections.reset()
    }

    var json: JSONText {
        let counts = Endpoint.allCases.map { JSONText.Member($0.rawValue, .integer(self[$0])) }
        let connections: JSONText = [
            "accepted": .integer(self.connections.accepted), "http2": .integer(self.connections.http2),
            "open": .integer(self.connections.open),
        ]
        return .object(counts + [JSONText.Member("total", .integer(total)), JSONText.Member("connections", connections)])
    }
}
