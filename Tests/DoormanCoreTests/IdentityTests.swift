import DoormanCore
import Testing

@Suite("An identity")
struct IdentityTests {
    private static let phone = PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567")

    private func sample(phone: PhoneNumber? = nil, email: String? = nil) -> Identity {
        Identity(
            accountID: "1011", applicationID: "5432154321543210", phone: phone, email: email, provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1))
    }

    @Test(
        "has exactly the given texts",
        arguments: [
            (nil, nil), (phone, nil), (nil, "jürgen@example.org"), (phone, ""),
            (PhoneNumber(number: "", countryPrefix: "", nationalNumber: ""), nil), (nil, String(repeating: "é", count: 40_000)),
        ] as [(PhoneNumber?, String?)])
    func keeps(_ phone: PhoneNumber?, _ email: String?) {
        let identity = sample(phone: phone, email: email)
        #expect(identity.accountID == "1011" && identity.applicationID == "5432154321543210" && identity.provider == "account-kit")
        #expect(identity.phone == phone && identity.email == email)
    }

    @Test("changing a text leaves the others unchanged")
    func changes() {
        var identity = sample(phone: Self.phone)
        identity.accountID = "a longer one than that"
        identity.applicationID = ""
        identity.provider = "another"
        identity.phone?.nationalNumber = "5"
        identity.email = "a@b"
        #expect(identity.accountID == "a longer one than that" && identity.applicationID == "" && identity.provider == "another")
        #expect(identity.phone == PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5"))
        #expect(identity.email == "a@b")
        identity.phone = nil
        identity.email = nil
        #expect(identity.phone == nil && identity.email == nil && identity.provider == "another")
    }

    @Test("identities that differ in any part are unequal")
    func equality() {
        let one = sample(phone: Self.phone)
        #expect(one == sample(phone: Self.phone) && one.hashValue == sample(phone: Self.phone).hashValue)
        let changes: [(inout Identity) -> Void] = [
            { $0.accountID = "101" }, { $0.applicationID = "" }, { $0.provider = "" }, { $0.email = "" }, { $0.phone = nil },
            { $0.phone?.countryPrefix = "15" }, { $0.verifiedAt = .distantFuture },
            { $0.validUntil = Timestamp(millisecondsSince1970: 2) },
            { $0.freshness = .stale },
            // The same bytes with other boundaries.
            { ($0.accountID, $0.applicationID) = ("10115", "432154321543210") },
        ]
        for change in changes {
            var other = one
            change(&other)
            #expect(other != one)
        }
    }

    @Test("belongs only to the application with exactly its id")
    func audience() {
        let identity = sample()
        for (id, isItsOwn) in [
            ("5432154321543210", true), ("543215432154321", false), ("54321543215432101", false), ("1011", false), ("", false),
        ] {
            #expect(identity.isFor(Array(id.utf8).span) == isItsOwn, "\(id)")
        }
        var nobodys = identity
        nobodys.applicationID = ""
        for (id, isItsOwn) in [("", true), ("5", false)] { #expect(nobodys.isFor(Array(id.utf8).span) == isItsOwn) }
    }

    @Test("belongs only to the account with exactly its id")
    func account() {
        for (id, isItsOwn) in [("1011", true), ("101", false), ("10115", false), ("", false)] {
            #expect(sample().isOf(accountID: id) == isItsOwn, "\(id)")
        }
    }

    @Test("canonically equivalent texts are unequal")
    func bytes() {
        #expect(sample(email: "\u{E9}@b") != sample(email: "e\u{301}@b"))
    }

    @Test("the description contains the parts with their names")
    func printed() {
        let text = "\(sample(phone: Self.phone))"
        #expect(text.hasPrefix("Identity(accountID: \"1011\", applicationID: \"5432154321543210\", phone: "), "\(text)")
        #expect(text.contains("number: \"+15551234567\"") && text.contains("freshness: ") && !text.contains("texts"))
    }
}
