/// The account of a valid token, and the time until which the caller may rely on it.
///
/// Copying an identity is cheap, since all its texts share one allocation. Reading a text creates a string.
///
/// Two identities are equal if their texts are equal byte for byte. Canonical equivalence of Unicode does not count.
public struct Identity: Sendable, Hashable {
    private var texts: IdentityTexts
    /// The time at which the provider verified the token.
    public var verifiedAt: Timestamp
    /// The end of this identity's validity. Until then, a caller may use it without another call.
    public var validUntil: Timestamp
    /// The source of this identity: a provider request for this call, or the cache.
    public var freshness: Freshness
    /// The facts that many tokens don't have; `nil` for none.
    private var detailsBox: IdentityDetailsBox?

    /// Creates a fresh identity that does not expire, for example in a test.
    ///
    /// See ``valid(until:freshness:)`` for another end and freshness. The client creates the identities that a server returns.
    public init(
        accountID: String, applicationID: String, phone: PhoneNumber? = nil, email: String? = nil, provider: String,
        verifiedAt: Timestamp
    ) {
        texts = IdentityTexts { part in
            switch part {
            case .accountID: accountID
            case .applicationID: applicationID
            case .provider: provider
            case .email: email
            case .phoneNumber: phone?.number
            case .countryPrefix: phone?.countryPrefix
            case .nationalNumber: phone?.nationalNumber
            }
        }
        self.verifiedAt = verifiedAt
        validUntil = .distantFuture
        freshness = .fresh
    }

    /// Creates an identity from the data of a response.
    ///
    /// - Parameters:
    ///   - texts: The range of each text in `data`, in this order: account id, application id, provider, e-mail address, phone
    ///     number, country prefix, national number. An absent text has an empty range.
    ///   - data: Bytes that are UTF-8 in each of these ranges.
    package init(
        texts: InlineArray<7, Range<Int>>, in data: Span<UInt8>, verifiedAt: Timestamp, validUntil: Timestamp, freshness: Freshness
    ) {
        self.texts = IdentityTexts(texts, in: data)
        self.verifiedAt = verifiedAt
        self.validUntil = validUntil
        self.freshness = freshness
    }

    /// Returns a copy with another end and freshness.
    public func valid(until end: Timestamp, freshness: Freshness = .fresh) -> Identity {
        var identity = self
        identity.validUntil = end
        identity.freshness = freshness
        return identity
    }

    /// The provider's id of the account. Account Kit's ids are decimal digits.
    ///
    /// Identify users by this id together with ``provider`` and ``applicationID``. Phone numbers and e-mail addresses pass from one person to
    /// another.
    public var accountID: String {
        get { texts[.accountID] ?? "" }
        set { texts[.accountID] = newValue }
    }

    /// The id of the application that the token was issued to. For tokens with an audience, the audience that the server accepted.
    public var applicationID: String {
        get { texts[.applicationID] ?? "" }
        set { texts[.applicationID] = newValue }
    }

    /// The account's phone number; `nil` if it has none.
    public var phone: PhoneNumber? {
        get {
            guard let number = texts[.phoneNumber] else { return nil }
            return PhoneNumber(
                number: number, countryPrefix: texts[.countryPrefix] ?? "", nationalNumber: texts[.nationalNumber] ?? "")
        }
        set {
            texts[.phoneNumber] = newValue?.number
            texts[.countryPrefix] = newValue?.countryPrefix
            texts[.nationalNumber] = newValue?.nationalNumber
        }
    }

    /// The account's e-mail address; `nil` if it has none.
    public var email: String? {
        get { texts[.email] }
        set { texts[.email] = newValue }
    }

    /// The name of the provider that verified the token, as the server's configuration has it, for example `account-kit`.
    public var provider: String {
        get { texts[.provider] ?? "" }
        set { texts[.provider] = newValue }
    }

    /// Whether ``accountID`` equals this id. Creates no string of it.
    package func isOf(accountID: String) -> Bool {
        texts.isEqual(.accountID, to: accountID.utf8Span.span)
    }

    /// Whether ``applicationID`` equals these bytes. Creates no string of it.
    package func isFor(_ applicationID: Span<UInt8>) -> Bool {
        texts.isEqual(.applicationID, to: applicationID)
    }

    /// The heap memory of all texts, in bytes.
    package var heapBytes: Int { texts.heapBytes + (detailsBox?.details.heapBytes ?? 0) }
}

// Facts that depend on the kind of the provider.
extension Identity {
    private var details: IdentityDetails {
        get { detailsBox?.details ?? .none }
        set { detailsBox = IdentityDetailsBox(newValue) }
    }

    /// Whether any of these facts is present.
    package var hasDetails: Bool { detailsBox != nil }

    /// The scopes that the token was granted, in the token's order; empty if the provider states none.
    public var scopes: [String] {
        get { details.scopes }
        set { details.scopes = newValue }
    }

    /// The end of the token itself; `nil` if the provider states none. ``validUntil`` is never later.
    public var expiresAt: Timestamp? {
        get { details.expiresAt }
        set { details.expiresAt = newValue }
    }

    /// The issuer of the token, for example `https://login.example.org/`; `nil` if the provider states none.
    public var issuer: String? {
        get { details.issuer }
        set { details.issuer = newValue }
    }

    /// Whether the provider says that the account controls the address in ``email``. False if it does not say.
    public var isEmailVerified: Bool {
        get { details.isEmailVerified }
        set { details.isEmailVerified = newValue }
    }

    /// Whether the provider says that the account controls the number in ``phone``. False if it does not say.
    public var isPhoneVerified: Bool {
        get { details.isPhoneVerified }
        set { details.isPhoneVerified = newValue }
    }

    /// Further claims about the token, by name, as the server's configuration selects them. A value is a JSON text, for example `"blue"` with
    /// its quotation marks, or `["admin"]`. All names and values together have at most 4 KiB.
    public var claims: [String: String] {
        get { details.claims }
        set { details.claims = newValue }
    }

    /// All audiences of the token that the provider's configuration accepts, with ``applicationID``; empty if the token has no audience. Not
    /// part of a response.
    package var audiences: [String] {
        get { details.audiences }
        set { details.audiences = newValue }
    }

    /// The fingerprint of the key that signed the token; `nil` if none did. Not part of a response.
    package var signingKey: UInt64? {
        get { details.signingKey }
        set { details.signingKey = newValue }
    }

    /// Whether ``provider`` equals this name. Creates no string of it.
    package func isFrom(_ provider: String) -> Bool {
        texts.isEqual(.provider, to: provider.utf8Span.span)
    }

    /// Returns the first of these scopes that the token was not granted; `nil` if it has all of them.
    package func missingScope(among required: [String]) -> String? {
        guard !required.isEmpty else { return nil }
        let granted = scopes
        return required.first { scope in !granted.contains { $0.isIdentical(to: scope) } }
    }
}

extension Identity: CustomReflectable {
    /// A mirror with a child for each public property.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "accountID": accountID, "applicationID": applicationID, "phone": phone as Any, "email": email as Any,
                "provider": provider, "verifiedAt": verifiedAt, "validUntil": validUntil, "freshness": freshness, "scopes": scopes,
                "expiresAt": expiresAt as Any, "issuer": issuer as Any, "isEmailVerified": isEmailVerified,
                "isPhoneVerified": isPhoneVerified, "claims": claims,
            ], displayStyle: .struct)
    }
}

/// A phone number in E.164 form, with its country prefix and its national number.
public struct PhoneNumber: Sendable, Hashable {
    /// The whole number with a leading `+`, for example `+15551234567`.
    public var number: String
    /// The country prefix without `+`, for example `1`.
    public var countryPrefix: String
    /// The number within the country, for example `5551234567`. Not unique across countries.
    public var nationalNumber: String

    /// Creates a phone number. Does not check that the parts fit the number.
    public init(number: String, countryPrefix: String, nationalNumber: String) {
        self.number = number
        self.countryPrefix = countryPrefix
        self.nationalNumber = nationalNumber
    }
}

/// The source of a verdict.
public enum Freshness: Sendable, Hashable, CaseIterable {
    /// A provider request for this call, or for another call with the same token at the same time.
    case fresh
    /// The cache, within the entry's TTL.
    case cached
    /// The cache, past the entry's TTL, because the provider is unavailable.
    case stale
}
