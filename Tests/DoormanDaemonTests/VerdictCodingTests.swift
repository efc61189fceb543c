import DoormanCache
import DoormanCore
import DoormanDaemon
import Testing

@Suite("Reading verdicts back from responses")
struct VerdictCodingTests {
    private static let coding = VerdictCoding.wire

    private static func identity(phone: PhoneNumber? = nil, email: String? = nil, _ freshness: Freshness = .cached) -> Identity {
        Identity(
            accountID: "1011166682335378", applicationID: "5432154321543210", phone: phone, email: email, provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_123)
        )
        .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: freshness)
    }

    @Test(
        "an identity without details is read back as it was",
        arguments: [
            identity(), identity(email: "jo@example.com"), identity(.stale), identity(.fresh),
            identity(phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567")),
        ])
    func readsBack(identity: Identity) {
        #expect(Self.coding.decode(Self.coding.encode(.valid(identity))) == .valid(identity))
    }

    @Test("a verdict with anything that a response may lack is not read back as another verdict")
    func readsNothingElse() {
        func changed(_ change: (inout Identity) -> Void) -> Verdict {
            var identity = Self.identity()
            change(&identity)
            return .valid(identity)
        }
        let verdicts = [
            changed { $0.scopes = ["read"] }, changed { $0.audiences = ["orders"] }, changed { $0.signingKey = 7 },
            changed { $0.issuer = "https://login.example.org" }, changed { $0.isEmailVerified = true },
            changed { $0.claims = ["tenant": "\"blue\""] }, changed { $0.email = "jö@example.com" }, changed { $0.email = "" },
            changed { $0.accountID = String(repeating: "1", count: 128) },
            .rejected(Rejection(.tokenRejected, "No such token.")), .forbidden(.insufficientScope),
        ]
        for verdict in verdicts { #expect(Self.coding.decode(Self.coding.encode(verdict)) != verdict) }
    }
}
