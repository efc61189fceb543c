/// How often everything was asked for since the start, or since the last reset, and over how many connections. Control calls don't
/// count; the connections they come by do.
package struct Statistics: Sendable, Hashable {
    package struct Connections: Sendable, Hashable {
        /// All that were taken in.
        package private(set) var accepted = 0
        /// Those of them over which HTTP/2 was agreed on.
        package private(set) var http2 = 0
        /// Those that are open now.
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

    /// The calls of one endpoint, also those that a fault spoilt.
    package subscript(endpoint: Endpoint) -> Int {
        calls[endpoint] ?? 0
    }

    /// The calls of all endpoints.
    package var total: Int { calls.values.reduce(0, +) }

    mutating func count(_ endpoint: Endpoint) {
        calls[endpoint, default: 0] += 1
    }

    /// What is open stays open.
    mutating func reset() {
        calls = [:]
        connections.reset()
    }

    var json: JSON {
        let counts = Endpoint.allCases.map { JSON.Member($0.rawValue, .integer(self[$0])) }
        let connections: JSON = [
            "accepted": .integer(self.connections.accepted), "http2": .integer(self.connections.http2),
            "open": .integer(self.connections.open),
        ]
        return .object(counts + [JSON.Member("total", .integer(total)), JSON.Member("connections", connections)])
    }
}
