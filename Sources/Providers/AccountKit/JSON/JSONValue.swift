internal import DoormanCore

/// A JSON value (RFC 8259). See ``JSONReader`` for the limits of the reader.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number without a fraction or an exponent that fits into 64 bits.
    case integer(Int64)
    /// Any other number. No response of the contract needs its value.
    case number
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

    var object: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

extension [String: JSONValue] {
    /// The member of this name; `nil` if it is absent or null.
    func present(_ name: String) -> JSONValue? {
        self[name].flatMap { $0 == .null ? nil : $0 }
    }
}

/// A value may contain a token.
extension JSONValue: Redacted {
    package var description: String { "JSONValue(redacted)" }
}
