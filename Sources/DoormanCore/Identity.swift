/// Whose token it is: an account, as its provider described it, and how long that description may be relied upon.
public struct Identity: Sendable, Hashable {
    /// The provider's id of the account: decimal digits with Account Kit. Key users by this and ``applicationID``, never by
    /// phone number or e-mail, which change hands.
    public var accountID: String
    /// The application the token was made for. Empty if the provider does not say and the operator allows that.
    public var applicationID: String
    /// The account's phone number, if it was opened with one.
    public var phone: PhoneNumber?
    /// The account's e-mail address, if it was opened with one.
    public var email: String?
    /// Which provider said so, for example `account-kit`.
    public var provider: String
    /// When the provider said so.
    public var verifiedAt: Timestamp
    /// Until when this answer may be used without asking again.
    public var validUntil: Timestamp
    /// Whether the provider was asked for this very answer.
    public var freshness: Freshness

    /// An identity as a provider told it. The client makes these; yours are for tests.
    public init(
        accountID: String, applicationID: String, phone: PhoneNumber? = nil, email: String? = nil, provider: String,
        verifiedAt: Timestamp, validUntil: Timestamp = .distantFuture, freshness: Freshness = .fresh
    ) {
        self.accountID = accountID
        self.applicationID = applicationID
        self.phone = phone
        self.email = email
        self.provider = provider
        self.verifiedAt = verifiedAt
        self.validUntil = validUntil
        self.freshness = freshness
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

/// A moment of civil time, in whole milliseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Negative before 1970.
    public var millisecondsSince1970: Int64

    /// The moment that is so far from the beginning of 1970 in UTC, leap seconds not counted.
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    /// A moment after every other.
    public static let distantFuture = Timestamp(millisecondsSince1970: .max)

    /// The moment `duration` after this one, rounded down to the millisecond, and held at the ends of `Int64`.
    public func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, remainder) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, tooFar) = millisecondsSince1970.addingReportingOverflow(milliseconds)
        let (rounded, tooFarRounded) = sum.addingReportingOverflow(remainder < 0 ? whole - 1 : whole)
        guard !overflow, !tooFar, !tooFarRounded else {
            return Timestamp(millisecondsSince1970: duration < .zero ? .min : .max)
        }
        return Timestamp(millisecondsSince1970: rounded)
    }

    /// Whether the left moment is the earlier one.
    public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.millisecondsSince1970 < rhs.millisecondsSince1970
    }
}
