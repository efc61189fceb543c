internal import DoormanCore
internal import DoormanSupport

/// Header fields. Names are case-insensitive. The last of several fields with the same name counts.
package struct HTTPHeaders: Sendable, Hashable {
    private var values: [String: String] = [:]

    package init() {}

    package subscript(name: String) -> String? {
        get { values[name.lowercased()] }
        set { values[name.lowercased()] = newValue }
    }

    package var count: Int { values.count }

    /// The fields in the order of their lowercase names.
    package var fields: [(name: String, value: String)] {
        values.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    /// Whether all fields can be sent: names of letters, digits and `-`, and values of visible ASCII and spaces that are not empty.
    package var areValid: Bool {
        values.allSatisfy { name, value in
            !name.isEmpty && name.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") }
                && !value.isEmpty && value.utf8.allSatisfy { $0.isVisibleASCII || $0 == UInt8(ascii: " ") }
        }
    }
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
