import Foundation
import Yams

/// A value as YAML's core schema reads it. See YAML 1.2.2, section 10.3.
indirect enum PlainValue: Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case string(String)
    case array([PlainValue])
    case object([String: PlainValue])

    init(yaml text: String) throws {
        self = try Yams.compose(yaml: text).map(PlainValue.init) ?? .null
    }

    private init(_ node: Node) {
        if let mapping = node.mapping {
            self = .object(Dictionary(mapping.map { ($0.key.string ?? "?", PlainValue($0.value)) }) { $1 })
        } else if let sequence = node.sequence {
            self = .array(sequence.map(PlainValue.init))
        } else if let scalar = node.scalar, [.any, .plain].contains(scalar.style) {
            switch scalar.string {
            case "", "~", "null", "Null", "NULL": self = .null
            case "true", "True", "TRUE": self = .bool(true)
            case "false", "False", "FALSE": self = .bool(false)
            default: self = Int(scalar.string).map(PlainValue.integer) ?? .string(scalar.string)
            }
        } else {
            self = .string(node.string ?? "")
        }
    }

    var type: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// Validates a value against a schema with the few keywords that ``SettingsSchema`` uses. See JSON Schema, draft 2020-12.
struct SchemaValidator {
    private let root: [String: PlainValue]

    init(_ text: String) throws {
        guard case .object(let root) = try PlainValue(yaml: text) else { throw CocoaError(.coderReadCorrupt) }
        self.root = root
    }

    /// Returns the places that the schema does not allow. A keyword that the validator does not know allows nothing.
    func problems(_ value: PlainValue) -> [String] { problems(value, root, at: "") }

    private func problems(_ value: PlainValue, _ schema: [String: PlainValue], at place: String) -> [String] {
        schema.flatMap { keyword, rule in
            switch (keyword, rule) {
            case ("$ref", .string(let name)): problems(value, definition(name), at: place)
            case ("properties", .object(let rules)):
                members(of: value).flatMap { key, value in
                    rules[key].map { problems(value, object($0), at: place + "/" + key) } ?? []
                }
            case ("items", .object(let rule)): items(of: value).flatMap { problems($0, rule, at: place + "/[]") }
            default: allows(value, keyword, rule, schema) ? [] : ["\(place): \(keyword)"]
            }
        }
    }

    private func allows(_ value: PlainValue, _ keyword: String, _ rule: PlainValue, _ schema: [String: PlainValue]) -> Bool {
        switch (keyword, rule, value) {
        case ("$schema", _, _), ("$defs", _, _), ("title", _, _), ("description", _, _), ("default", _, _): true
        case ("type", .array(let types), _): types.contains(.string(value.type))
        case ("type", .string(let type), _): type == value.type
        case ("enum", .array(let values), _): values.contains(value)
        case ("pattern", .string(let pattern), .string(let text)):
            (try? Regex(pattern)).map { text.firstMatch(of: $0) != nil } ?? false
        case ("minimum", .integer(let least), .integer(let number)): number >= least
        case ("maximum", .integer(let most), .integer(let number)): number <= most
        case ("minLength", .integer(let least), .string(let text)): text.count >= least
        case ("minItems", .integer(let least), .array(let items)): items.count >= least
        case ("additionalProperties", .bool(false), .object(let members)):
            Set(members.keys).isSubset(of: object(schema["properties"] ?? .null).keys)
        case ("pattern", .string, _), ("minimum", .integer, _), ("maximum", .integer, _), ("minLength", .integer, _),
            ("minItems", .integer, _), ("additionalProperties", .bool(false), _):
            true
        default: false
        }
    }

    private func definition(_ reference: String) -> [String: PlainValue] {
        object(object(root["$defs"] ?? .null)[String(reference.dropFirst("#/$defs/".count))] ?? .null)
    }

    private func object(_ value: PlainValue) -> [String: PlainValue] {
        guard case .object(let members) = value else { return [:] }
        return members
    }

    private func members(of value: PlainValue) -> [(String, PlainValue)] { object(value).map { ($0.key, $0.value) } }

    private func items(of value: PlainValue) -> [PlainValue] {
        guard case .array(let items) = value else { return [] }
        return items
    }
}
