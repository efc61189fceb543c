internal import DoormanCore

/// Header fields. Names are case-insensitive. The last of several fields with the same name counts.
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

extension HTTPHeaders: Redacted {
    package var description: String { "HTTPHeaders(\(count))" }
}
