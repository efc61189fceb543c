internal import DoormanCore

/// A JSON value (RFC 8259). See ``JSONReader`` for the limits of the reader.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number without a fraction or an exponent that fits into 64 bits.
    case integer(Int64)
    /// Any other number, as it is written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads one JSON text.
    ///
    /// - Returns: `nil` if the bytes are not exactly one JSON text, or exceed the reader's limits.
    package init?(bytes: [UInt8]) {
        var reader = JSONReader(bytes)
        guard let value = reader.readText() else { return nil }
        self = value
    }

    /// The members of an object; `nil` for another value.
    package var object: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The text of a string; `nil` for another value.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The elements of an array; `nil` for another value.
    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The value of a number, which may be infinite; `nil` for another value.
    package var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let text): Double(text)
        default: nil
        }
    }

    /// The value as a JSON text without white space. The members of an object are in the order of their names.
    package var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let number): "\(number)"
        case .number(let text): text
        case .string(let text): Self.quoted(text)
        case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { Self.quoted($0.key) + ":" + $0.value.text }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension [String: JSONValue] {
    /// The member of this name; `nil` if it is absent or null.
    package func present(_ name: String) -> JSONValue? {
        self[name].flatMap { $0 == .null ? nil : $0 }
    }
}

/// A value may contain a token.
extension JSONValue: Redacted {
    package var description: String { "JSONValue(redacted)" }
}
