internal import FoundationEssentials

/// The output for programs: one line of JSON (RFC 8259), with names in snake case and in alphabetical order.
enum JSONOutput {
    /// Encodes a value on one line, without a newline.
    static func encode(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("reports hold only texts, flags and finite numbers")
        }
        return escapingControls(in: String(decoding: data, as: UTF8.self))
    }

    /// Returns the name of a member for a word of the text output, such as `p99_9` for `p99.9`.
    static func memberName(_ word: String) -> String {
        String(word.map { $0 == "." || $0 == " " ? "_" : $0 })
    }

    /// Escapes DEL and C1, because a terminal may act on them and the encoder does not escape them. They occur in strings only.
    private static func escapingControls(in text: String) -> String {
        guard text.unicodeScalars.contains(where: \.isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { escaped, scalar in
            guard scalar.isControl else { return escaped.unicodeScalars.append(scalar) }
            let digits = String(scalar.value, radix: 16)
            escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}

/// A member that is `null` if it has no value. Without the wrapper it would be absent.
@propertyWrapper
struct Nullable<Value: Encodable>: Encodable {
    var wrappedValue: Value?

    init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

/// A result that is one word.
struct OutcomeJSON: Encodable {
    let outcome: String
}

extension Double {
    /// Returns the number rounded to at most this many decimal digits.
    func rounded(toDigits digits: Int) -> Double {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        return (self * scale).rounded() / scale
    }
}

extension Duration {
    /// The duration in seconds, rounded up to the millisecond.
    var secondsForJSON: Double { Double(millisecondsRoundedUp) / 1000 }
}

extension Unicode.Scalar {
    /// Whether a terminal may act on the character instead of showing it: C0, DEL and C1.
    var isControl: Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
}
