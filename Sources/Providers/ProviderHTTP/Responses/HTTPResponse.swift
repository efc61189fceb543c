/// A whole answer, whatever its status. Its body may hold a token, so it shows only its size.
package struct HTTPResponse: Sendable, Hashable {
    /// 200 to 599, or whatever three digits the server sent.
    package let status: Int
    package let headers: HTTPHeaders
    /// At most ``CurlTransport/Settings/maximumBodyBytes``.
    package let body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension HTTPResponse: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "HTTPResponse(\(status), \(body.count) bytes)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Header fields. Names are compared without regard to case; of two fields of one name the last counts.
package struct HTTPHeaders: Sendable, Hashable {
    private var values: [String: String] = [:]

    package init() {}

    package subscript(name: String) -> String? {
        get { values[name.lowercased()] }
        set { values[name.lowercased()] = newValue }
    }

    package var count: Int { values.count }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements {
            self[name] = value
        }
    }
}

extension HTTPHeaders: CustomStringConvertible, CustomReflectable {
    package var description: String { "HTTPHeaders(\(count))" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
