/// A JSON value that keeps the order of its members and is escaped like the responses of Facebook's servers: `@` and everything
/// that is not ASCII as `\uXXXX`, `/` as `\/`. Foundation's encoder can do neither.
package indirect enum JSONText: Sendable, Hashable {
    case string(String)
    case integer(Int)
    /// A finite number.
    case number(Double)
    case bool(Bool)
    case array([JSONText])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSONText

        package init(_ name: String, _ value: JSONText) {
            self.name = name
            self.value = value
        }
    }

    /// The characters below 0x7f that are escaped although JSON does not require it.
    private enum Escapes {
        /// `/` and `@`, as Facebook's servers do.
        case graph
        case none
    }

    /// The UTF-8 bytes of the text, all of them ASCII.
    package var bytes: [UInt8] {
        var output: [UInt8] = []
        write(into: &output, .graph)
        return output
    }

    /// The bytes without the escapes of Facebook's servers, for documents of the OpenID issuer.
    var plainBytes: [UInt8] {
        var output: [UInt8] = []
        write(into: &output, .none)
        return output
    }

    /// The bytes and a newline, so that a response does not run into a shell's prompt. Account Kit sent none, and JSON allows it.
    var line: [UInt8] { bytes + [UInt8(ascii: "\n")] }

    private func write(into output: inout [UInt8], _ escapes: Escapes) {
        switch self {
        case .string(let text): Self.write(text, into: &output, escapes)
        case .integer(let number): output.append(contentsOf: String(number).utf8)
        case .number(let number): output.append(contentsOf: String(number).utf8)
        case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .array(let elements):
            Self.write(elements, between: "[", "]", into: &output) { $0.write(into: &$1, escapes) }
        case .object(let members):
            Self.write(members, between: "{", "}", into: &output) {
                Self.write($0.name, into: &$1, escapes)
                $1.append(UInt8(ascii: ":"))
                $0.value.write(into: &$1, escapes)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element], between opening: Unicode.Scalar, _ closing: Unicode.Scalar, into output: inout [UInt8],
        _ writeElement: (Element, inout [UInt8]) -> Void
    ) {
        output.append(UInt8(ascii: opening))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            writeElement(element, &output)
        }
        output.append(UInt8(ascii: closing))
    }

    private static func write(_ text: String, into output: inout [UInt8], _ escapes: Escapes) {
        output.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            switch unit {
            case 0x22, 0x5c: output.append(contentsOf: [0x5c, UInt8(unit)])
            case 0x2f where escapes == .graph: output.append(contentsOf: [0x5c, UInt8(unit)])
            case 0x20...0x7e where unit != 0x40 || escapes == .none: output.append(UInt8(unit))
            default:
                let digits = String(unit, radix: 16)
                output.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}

extension JSONText: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONText...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONText)...) { self = .object(elements.map { Member($0.0, $0.1) }) }
}
