internal import DoormanSupport
internal import Foundation

/// The JSON Schema of a settings file, for editors and deployment pipelines. See JSON Schema, draft 2020-12.
///
/// It holds no relations between settings, and only the form of durations and sizes, not their ranges: `--check-config` checks all.
package enum SettingsSchema {
    /// - Throws: An error of Foundation's encoder, which cannot happen for these values.
    package static func text() throws -> String {
        let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try JSONSerialization.data(withJSONObject: document, options: options), as: UTF8.self)
    }

    private typealias Object = [String: Any]

    private static var document: Object {
        let settings = SettingsCatalogue.all
        var definitions: Object = [:]
        for setting in settings {
            definitions[setting.key] = schema(of: setting)
            let parts = setting.key.split(separator: ".")
            for depth in 1..<parts.count {
                let group = parts.prefix(depth).joined(separator: ".")
                // A group without a value is a group whose lines are all comments.
                definitions[group] = mapping(settings, in: group + ".").merging(["type": ["object", "null"]]) { $1 }
            }
        }
        return mapping(settings, in: "").merging([
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Settings of doormand", "$defs": definitions,
        ]) { $1 }
    }

    /// Returns the schema of a mapping. Its keys are nested or dotted.
    ///
    /// - Parameter prefix: The beginning of the keys of all settings in the mapping.
    private static func mapping(_ settings: [Setting], in prefix: String) -> Object {
        var properties: Object = [:]
        for setting in settings where setting.key.hasPrefix(prefix) {
            let parts = setting.key.dropFirst(prefix.count).split(separator: ".")
            for depth in 1...parts.count {
                let name = parts.prefix(depth).joined(separator: ".")
                properties[name] = ["$ref": "#/$defs/" + prefix + name]
            }
        }
        return ["type": "object", "additionalProperties": false, "properties": properties]
    }

    private static func schema(of setting: Setting) -> Object {
        var schema = setting.form.schema
        schema["description"] = setting.summary
        schema["default"] = setting.form.json(setting.defaultText)
        guard !setting.form.mustNotBeEmpty else { return schema }
        // Null counts as absent.
        if let types = schema["type"] as? [String] { schema["type"] = types + ["null"] }
        if let values = schema["enum"] as? [Any] { schema["enum"] = values + [NSNull()] }
        return schema
    }
}

extension ValueForm {
    /// The schema of a value. A number or Boolean may be in quotation marks.
    fileprivate var schema: [String: Any] {
        switch self {
        case .text(let pattern): ["type": ["string"]].merging(pattern.map { ["pattern": "^$|" + $0] } ?? [:]) { $1 }
        case .id: ["type": ["string", "integer"], "pattern": "^$|^[1-9][0-9]*$", "minimum": 1]
        case .pathOrNone: ["type": ["string"], "minLength": 1]
        case .words(let words): ["enum": words]
        case .flag: ["enum": [true, false, "true", "false"] as [Any]]
        case .count(let range):
            ["type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": range.lowerBound, "maximum": range.upperBound]
        case .bytes: ["type": ["string"], "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"]
        case .duration: ["type": ["string"], "pattern": "^[0-9]+(us|ms|s|m|h)$"]
        case .durationOrAuto: ["type": ["string"], "pattern": "^(auto|[0-9]+(us|ms|s|m|h))$"]
        case .percentage: ["type": ["string"], "pattern": "^[0-9]+([.][0-9]{1,4})?%$"]
        // YAML readers take 0660 without quotation marks for a number, in octal or not.
        case .mode: ["type": ["string", "integer"], "pattern": "^[0-7]{3,4}$", "minimum": 0, "maximum": 777]
        case .list: ["type": ["string", "array"], "items": ["type": ["string", "integer"]]]
        case .users:
            [
                "type": ["string", "array"], "pattern": "^(none|uid:[0-9]+(,uid:[0-9]+)*)$", "minItems": 1,
                "items": ["type": ["string"], "pattern": "^(none|uid:[0-9]+)$"],
            ]
        }
    }

    /// Returns a value as JSON.
    fileprivate func json(_ text: String) -> Any {
        switch self {
        case .flag: text == "true"
        case .count: Int(text) ?? 0
        default: text
        }
    }
}
