/// The facts about a token that many tokens don't have. An identity without any of them stores none of these fields.
struct IdentityDetails: Sendable, Hashable {
    var scopes: [String] = []
    var expiresAt: Timestamp?
    var issuer: String?
    var isEmailVerified = false
    var isPhoneVerified = false
    var claims: [String: String] = [:]
    var audiences: [String] = []
    var signingKey: UInt64?

    static let none = IdentityDetails()

    /// The heap memory in bytes: the box around the details, and each text with the object that holds it.
    var heapBytes: Int {
        let texts = (scopes + audiences).reduce(Self.heapBytes(of: issuer ?? "")) { $0 + 16 + Self.heapBytes(of: $1) }
        let lists = (scopes.isEmpty ? 0 : 32) + (audiences.isEmpty ? 0 : 32) + (claims.isEmpty ? 0 : 64)
        return 16 + MemoryLayout<Self>.size + texts + lists
            + claims.reduce(0) { $0 + 48 + Self.heapBytes(of: $1.key) + Self.heapBytes(of: $1.value) }
    }

    /// Up to 15 bytes are stored inline.
    private static func heapBytes(of text: String) -> Int {
        text.utf8.count > 15 ? 32 + text.utf8.count : 0
    }
}

/// Details on the heap, so that an identity without them is small. Copies share them.
indirect enum IdentityDetailsBox: Sendable, Hashable {
    case details(IdentityDetails)

    /// - Returns: `nil` if the details are empty, so that equal identities have equal boxes.
    init?(_ details: IdentityDetails) {
        guard details != .none else { return nil }
        self = .details(details)
    }

    var details: IdentityDetails {
        switch self {
        case .details(let details): details
        }
    }
}
