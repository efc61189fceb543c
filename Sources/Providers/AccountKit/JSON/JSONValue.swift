internal import DoormanCore

/// A JSON value as this room needs it (RFC 8259). See ``JSONReader`` for what is refused.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent that fits.
    case integer(Int64)
    /// Any other number. Nothing here needs its value.
    case number
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads the bytes as one JSON text.
    ///
    /// - Returns: Nil if they are anything else.
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
    /// The member, if there is one and it is not null.
    func present(_ name: String) -> JSONValue? {
        self[name].flatMap { $0 == .null ? nil : $0 }
    }
}

/// It may hold a token.
extension JSONValue: Redacted {
    package var description: String { "JSONValue(redacted)" }
}
