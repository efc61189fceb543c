import DoormanCore
import DoormanSupport
import DoormanWire

/// Messages for tests.
enum Sample {
    static let node = NodeID(bytes: Array(0..<16))
    static let key = TokenKey(words: (0x0123_4567_89ab_cdef, .max))

    static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(millisecondsSince1970: milliseconds) }

    /// An identity with every fact that a response has.
    static var rich: Identity {
        var identity = Identity(
            accountID: "1234567890", applicationID: "orders-api",
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"),
            email: "zoë@example.org", provider: "corp", verifiedAt: time(1_500_000_000_123))
        identity.validUntil = time(1_500_000_060_123)
        identity.scopes = ["orders.read", "", "orders.write"]
        identity.expiresAt = time(1_500_003_600_000)
        identity.issuer = "https://login.example.org/"
        identity.isEmailVerified = true
        identity.isPhoneVerified = true
        identity.claims = ["tenant": "{\"id\":7}", "roles": "[\"admin\"]", "é": "null"]
        identity.audiences = ["orders-api", "billing-api"]
        return identity
    }

    /// An identity with an account and a provider alone.
    static var bare: Identity {
        var identity = Identity(accountID: "1", applicationID: "", provider: "p", verifiedAt: time(0))
        identity.validUntil = time(1)
        return identity
    }

    static func entry(_ identity: Identity) -> SharedEntry {
        SharedEntry(
            identity: identity, tokenEnd: identity.expiresAt ?? .distantFuture, fingerprint: Array(0..<32),
            requestedAfter: LogPosition(epoch: String(repeating: "a", count: 40), id: LogID(1_500_000_000_000, 55)))
    }

    static func key(under secret: UInt8 = 1) -> Revocation.KeyOfToken {
        Revocation.KeyOfToken(secret: SecretID(bytes: [UInt8](repeating: secret, count: 8)), key: key)
    }

    static let revocations: [Revocation] = [
        .token([key()], .after(.seconds(420))), .token([key()], .after(.zero)),
        .token([key(under: 1), key(under: 2), key(under: 3), key(under: 4)], .at(time(1_600_000_000_001))),
        .token([key()], .at(.distantFuture)),
        .account(id: "1234567890", provider: nil, application: nil), .account(id: "1", provider: "corp", application: "orders-api"),
        .account(id: "1", provider: "", application: ""), .account(id: "é", provider: nil, application: "orders-api"),
        .account(id: String(repeating: "x", count: 1024), provider: "corp", application: nil),
    ]

    static let records: [FleetRecord] =
        revocations.map { FleetRecord(node: node, .revocation($0, number: .max)) }
        + [
            Heartbeat(number: 1, lastRevocation: 0, applied: .zero, isLast: false),
            Heartbeat(number: 2, lastRevocation: 0, applied: .zero, epoch: String(repeating: "a", count: 64)),
            Heartbeat(number: .max, lastRevocation: .max, applied: LogID(.max, .max), isLast: true),
            Heartbeat(number: 128, lastRevocation: 3, applied: LogID(1_500_000_000_000, 0), isLast: true),
        ].map { FleetRecord(node: node, .heartbeat($0)) }

    /// The revocations that can be members of the set of denials.
    static var denials: [Revocation] {
        revocations.filter { if case .token = $0 { true } else { false } }
    }
}

// A span must not outlive its array, so these functions take arrays as arguments.

extension SharedEntry {
    init?(unpacking message: [UInt8]) {
        self.init(unpacking: message.span, in: MessageArena())
    }
}

extension FleetRecord {
    init?(unpacking message: [UInt8]) {
        self.init(unpacking: message.span, in: MessageArena())
    }
}

extension Revocation {
    init?(unpackingToken message: [UInt8]) {
        self.init(unpackingToken: message.span, in: MessageArena())
    }
}
