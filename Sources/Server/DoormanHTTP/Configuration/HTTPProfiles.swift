package import DoormanCore

/// What a gateway requires of tokens, and which headers it gets. A gateway can't name requirements safely in a request that a client has
/// a part in, so it names a profile.
package struct HTTPProfile: Sendable, Hashable {
    /// No requirements and all headers.
    package static let standard = HTTPProfile()

    package var requirements: TokenRequirements
    /// The headers with values. The others are sent empty, so that no value of a client takes their place.
    package var headers: Set<IdentityHeader>

    package init(requirements: TokenRequirements = .none, headers: Set<IdentityHeader> = Set(IdentityHeader.allCases)) {
        self.requirements = requirements
        self.headers = headers
    }
}

/// The profiles by their names.
package struct HTTPProfiles: Sendable, Hashable {
    /// The name of the profile of `/auth`.
    package static let defaultName = "default"
    /// The maximum length of a name in bytes.
    package static let maximumNameBytes = 64

    /// The profile of `/auth`, and of a gateway that names none.
    package let standard: HTTPProfile
    private let named: [String: HTTPProfile]

    /// - Parameter named: The profiles by their names. Without one of the name `default`, ``HTTPProfile/standard`` has that name.
    package init(_ named: [String: HTTPProfile] = [:]) {
        standard = named[Self.defaultName] ?? .standard
        self.named = named
    }

    /// Whether one of them has the name `default`.
    package var hasDefault: Bool { named[Self.defaultName] != nil }

    /// Returns the profile of this name; `nil` without one.
    package subscript(name: String) -> HTTPProfile? { named[name] ?? (name == Self.defaultName ? standard : nil) }

    /// Returns what is wrong with a profile's name; `nil` if it is a possible one.
    package static func problem(ofName name: String) -> String? {
        let isPossible =
            (1...maximumNameBytes).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
        return isPossible ? nil : "must be 1 to \(maximumNameBytes) letters, digits, dots, hyphens or underscores"
    }
}

/// A header that tells a gateway about the account.
package enum IdentityHeader: String, Sendable, Hashable, CaseIterable {
    // The names in the profiles' file.
    case accountID = "account-id"
    case applicationID = "application-id"
    case phone
    case email
    case provider
    case scopes
    case freshness

    /// The name of the HTTP header.
    package var name: HTTPHeaderName {
        switch self {
        case .accountID: .accountID
        case .applicationID: .applicationID
        case .phone: .phone
        case .email: .email
        case .provider: .provider
        case .scopes: .scopes
        case .freshness: .freshness
        }
    }
}
