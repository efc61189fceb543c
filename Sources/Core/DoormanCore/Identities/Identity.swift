/// The account of a token, as its provider described it, and how long that description may be relied upon.
///
/// Its texts lie in one piece of memory, so that an identity costs little to pass on; reading a text makes a string of it. Two identities
/// are equal if their texts are equal byte for byte, as ids are compared. Canonical equivalence of Unicode does not count.
public struct Identity: Sendable, Hashable {
    private var texts: IdentityTexts
    /// When the provider described the account.
    public var verifiedAt: Timestamp
    /// When this identity ends: it may be used until then without another call.
    public var validUntil: Timestamp
    /// Whether the provider was asked for this call.
    public var freshness: Freshness

    /// Creates an identity as a provider described it: fresh, and valid without end. The client creates identities; yours are for tests.
    ///
    /// See ``valid(until:freshness:)`` for another end and freshness.
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

    /// An identity as it came over the wire.
    ///
    /// - Parameters:
    ///   - texts: Where in the data each of its texts lies: the account's id, the application's, the provider, e-mail address, phone
    ///     number, and that one's country prefix and national part. An empty place for one that there is not.
    ///   - data: UTF-8 at all of these places.
    package init(
        texts: InlineArray<7, Range<Int>>, in data: Span<UInt8>, verifiedAt: Timestamp, validUntil: Timestamp, freshness: Freshness
    ) {
        self.texts = IdentityTexts(texts, in: data)
        self.verifiedAt = verifiedAt
        self.validUntil = validUntil
        self.freshness = freshness
    }

    /// Returns a copy with this end and freshness.
    public func valid(until end: Timestamp, freshness: Freshness = .fresh) -> Identity {
        var identity = self
        identity.validUntil = end
        identity.freshness = freshness
        return identity
    }

    /// The provider's id of the account: decimal digits with Account Kit. Key users by this and ``applicationID``, never by
    /// phone number or e-mail, which change hands.
    public var accountID: String {
        get { texts[.accountID] ?? "" }
        set { texts[.accountID] = newValue }
    }

    /// The application the token was made for. Empty if the provider does not say and the operator allows that.
    public var applicationID: String {
        get { texts[.applicationID] ?? "" }
        set { texts[.applicationID] = newValue }
    }

    /// The account's phone number, if it was opened with one.
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

    /// The account's e-mail address, if it was opened with one.
    public var email: String? {
        get { texts[.email] }
        set { texts[.email] = newValue }
    }

    /// Which provider said so, for example `account-kit`.
    public var provider: String {
        get { texts[.provider] ?? "" }
        set { texts[.provider] = newValue }
    }

    /// Whether this is ``accountID``, without making a string of that.
    package func isOf(accountID: String) -> Bool {
        texts.holds(accountID.utf8Span.span, .accountID)
    }

    /// Whether these are the bytes of ``applicationID``, without making a string of that.
    package func isFor(_ applicationID: Span<UInt8>) -> Bool {
        texts.holds(applicationID, .applicationID)
    }

    /// What its texts take on the heap, in bytes.
    package var heapBytes: Int { texts.heapBytes }
}

extension Identity: CustomReflectable {
    /// Shows its parts under their names.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "accountID": accountID, "applicationID": applicationID, "phone": phone as Any, "email": email as Any,
                "provider": provider, "verifiedAt": verifiedAt, "validUntil": validUntil, "freshness": freshness,
            ], displayStyle: .struct)
    }
}

/// A phone number in E.164 form, and its two parts.
public struct PhoneNumber: Sendable, Hashable {
    /// The whole number, `+` first: `+15551234567`.
    public var number: String
    /// The country's prefix without `+`: `1`.
    public var countryPrefix: String
    /// The rest: `5551234567`. Not unique by itself.
    public var nationalNumber: String

    /// A number and its parts, which nothing compares with each other.
    public init(number: String, countryPrefix: String, nationalNumber: String) {
        self.number = number
        self.countryPrefix = countryPrefix
        self.nationalNumber = nationalNumber
    }
}

/// How an answer came about.
public enum Freshness: Sendable, Hashable, CaseIterable {
    /// The provider was asked for this call, or for one that was waiting for the same token.
    case fresh
    /// From memory, within its time to live.
    case cached
    /// From memory, past its time to live, because the provider can't be asked at the moment.
    case stale
}
