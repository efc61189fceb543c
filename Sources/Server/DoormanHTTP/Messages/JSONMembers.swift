internal import DoormanCore
internal import StrictJSON

/// The members of a request's JSON object, by the JSON mapping of proto3: `null` stands for an absent member, and a member has two names.
struct JSONMembers {
    private var members: [String: JSONValue]

    /// - Parameter allowed: The names of all members, in lowerCamelCase.
    init(_ body: [UInt8], allowed: [StaticString]) throws(MalformedBody) {
        guard let value = JSONValue(bytes: body) else {
            throw MalformedBody("The body is not valid JSON, or a member occurs twice.")
        }
        guard let object = value.object else { throw MalformedBody("The body is not a JSON object.") }
        var members: [String: JSONValue] = [:]
        for (name, value) in object {
            guard let known = allowed.first(where: { Self.isName(name, of: $0) })?.description else {
                throw MalformedBody("The body has \(Self.description(ofUnknown: name)).")
            }
            guard members.updateValue(value, forKey: known) == nil else {
                throw MalformedBody("The member \(known) occurs twice, under both of its names.")
            }
        }
        self.members = members
    }

    /// Returns the text of a member; `nil` if it is absent.
    func string(_ name: StaticString) throws(MalformedBody) -> String? {
        guard let value = members.present(name.description) else { return nil }
        guard let text = value.string else { throw MalformedBody("The member \(name) is not a string.") }
        return text
    }

    /// Returns an id or a name; `nil` if it is absent. An empty text is an error: a client whose variable is not set would switch a check off.
    func name(_ name: StaticString) throws(MalformedBody) -> String? {
        guard let text = try string(name) else { return nil }
        guard !text.isEmpty else { throw MalformedBody("The member \(name) is empty: leave it out.") }
        // The strings of the other APIs cannot hold one.
        guard !text.utf8.contains(0) else { throw MalformedBody("The member \(name) has a NUL character.") }
        guard text.utf8.count <= TokenRequirements.maximumNameBytes else {
            throw MalformedBody("The member \(name) has more than \(TokenRequirements.maximumNameBytes) bytes.")
        }
        return text
    }

    /// Returns the position of a revocation; `nil` if it is absent or empty: a server without a fleet gives a revocation none.
    func position(_ name: StaticString) throws(MalformedBody) -> RevocationPosition? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        guard let position = RevocationPosition(text) else {
            throw MalformedBody(
                "The member \(name) is not a position: at most \(RevocationPosition.maximumBytes) bytes in base64url without padding."
            )
        }
        return position
    }

    /// Returns a list of at most ``TokenRequirements/maximumScopes`` texts; empty if it is absent.
    func scopes(_ name: StaticString) throws(MalformedBody) -> [String] {
        guard let value = members.present(name.description) else { return [] }
        guard let elements = value.array else { throw MalformedBody("The member \(name) is not an array.") }
        guard elements.count <= TokenRequirements.maximumScopes else {
            throw MalformedBody("The member \(name) has more than \(TokenRequirements.maximumScopes) elements.")
        }
        let texts = elements.compactMap(\.string)
        guard texts.count == elements.count else { throw MalformedBody("The member \(name) has an element that is not a string.") }
        return texts
    }

    /// Returns a number of 32 bits without a sign, which may be in a string; 0 if it is absent.
    func unsignedInteger(_ name: StaticString) throws(MalformedBody) -> UInt32 {
        let number: UInt32? =
            switch members.present(name.description) {
            case nil: 0
            case .integer(let number): UInt32(exactly: number)
            // Whole numbers with an exponent or a fraction, such as 1e2.
            case .number(let text): Double(text).flatMap { UInt32(exactly: $0) }
            case .string(let text): text.utf8.allSatisfy(\.isDigit) ? UInt32(text) : nil
            default: nil
            }
        guard let number else { throw MalformedBody("The member \(name) is not a whole number from 0 to 4294967295.") }
        return number
    }

    /// Whether a name is the member's in lowerCamelCase, or in the snake_case of the `.proto` file.
    private static func isName(_ name: String, of member: StaticString) -> Bool {
        name.isIdentical(to: member.description) || name.isIdentical(to: snakeCase(member.description))
    }

    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
    }

    /// Names the member only if it looks like a name. Something else could be a token in the wrong place.
    private static func description(ofUnknown name: String) -> String {
        let isName = 1...32 ~= name.utf8.count && name.utf8.allSatisfy { $0.isLetter || $0 == UInt8(ascii: "_") }
        return isName ? "the unknown member \(name)" : "an unknown member"
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { 0x30...0x39 ~= self }
    fileprivate var isLetter: Bool { 0x61...0x7a ~= self | 0x20 }
}
