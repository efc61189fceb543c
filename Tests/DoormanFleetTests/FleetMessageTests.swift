import DoormanCore
import DoormanSupport
import DoormanWire
import Testing

@Suite("Messages of a fleet")
struct FleetMessageTests {
    @Test("an entry survives packing and unpacking", arguments: [Sample.rich, Sample.bare])
    func entries(_ identity: Identity) throws {
        let entry = Sample.entry(identity)
        #expect(SharedEntry(unpacking: try #require(entry.packed())) == entry)
    }

    @Test("freshness and signing key are not packed")
    func localFacts() throws {
        var entry = Sample.entry(Sample.rich)
        entry.identity.freshness = .stale
        entry.identity.signingKey = 7
        #expect(SharedEntry(unpacking: try #require(entry.packed())) == Sample.entry(Sample.rich))
    }

    @Test("an empty address or issuer reads back as none, as in a response")
    func emptyTexts() throws {
        var entry = Sample.entry(Sample.bare)
        entry.identity.email = ""
        entry.identity.issuer = ""
        #expect(SharedEntry(unpacking: try #require(entry.packed())) == Sample.entry(Sample.bare))
    }

    @Test("an entry without an end reads back without one")
    func noEnd() throws {
        var entry = Sample.entry(Sample.bare)
        entry.identity.validUntil = .distantFuture
        #expect(entry.tokenEnd == .distantFuture)
        #expect(SharedEntry(unpacking: try #require(entry.packed())) == entry)
    }

    private static let spoilings: [@Sendable (inout SharedEntry) -> Void] = [
        { $0.identity.accountID = "" }, { $0.identity.provider = "" }, { $0.fingerprint = [] },
        { $0.fingerprint = Array(0...32) }, { $0.requestedAfter.epoch = "" },
        { $0.requestedAfter.epoch = String(repeating: "a", count: 65) }, { $0.tokenEnd = Sample.time(0) },
        { $0.tokenEnd = Sample.time(-1) }, { $0.tokenEnd = Sample.time(253_402_300_800_000) },
        { $0.identity.verifiedAt = Sample.time(-1) }, { $0.identity.verifiedAt = .distantFuture },
        { $0.identity.validUntil = Sample.time(-1) }, { $0.identity.validUntil = Sample.time(253_402_300_800_000) },
        { $0.identity.accountID = "1\0" }, { $0.identity.scopes = ["admin\0x"] }, { $0.identity.audiences = ["a\0"] },
        { $0.identity.claims = ["a": "\0"] }, { $0.identity.issuer = "https://a\0" }, { $0.requestedAfter.epoch = "a\0" },
        { $0.identity.claims = ["a": String(repeating: "x", count: 512 << 10)] },
    ]

    @Test("an entry that can't be read back is not packed", arguments: spoilings.indices)
    func unpackable(_ index: Int) {
        var entry = Sample.entry(Sample.rich)
        Self.spoilings[index](&entry)
        #expect(entry.packed() == nil)
    }

    @Test("a record survives packing and unpacking", arguments: Sample.records)
    func records(_ record: FleetRecord) throws {
        #expect(FleetRecord(unpacking: try #require(record.packed())) == record)
    }

    @Test("the revocation of a token survives packing and unpacking by itself", arguments: Sample.denials)
    func denials(_ revocation: Revocation) throws {
        #expect(Revocation(unpackingToken: try #require(revocation.packedToken())) == revocation)
    }

    @Test("the duration of a denial is rounded up to the millisecond")
    func rounding() throws {
        let revocation = Revocation.token([Sample.key()], .after(.seconds(1) + .nanoseconds(1)))
        let rounded = Revocation.token([Sample.key()], .after(.milliseconds(1001)))
        #expect(Revocation(unpackingToken: try #require(revocation.packedToken())) == rounded)
        let record = FleetRecord(node: Sample.node, .revocation(revocation, number: 1))
        #expect(FleetRecord(unpacking: try #require(record.packed()))?.content == .revocation(rounded, number: 1))
    }

    private static let wrongRevocations: [Revocation] = [
        .token([], .after(.zero)), .token((1...5).map { Sample.key(under: $0) }, .after(.zero)),
        .token([Sample.key()], .after(.milliseconds(-1))), .token([Sample.key()], .after(.seconds(Int64.max))),
        .token([Sample.key()], .after(.milliseconds(253_402_300_800_000))),
        .token([Sample.key()], .at(Sample.time(0))), .token([Sample.key()], .at(Sample.time(-5))),
        .token([Sample.key()], .at(Sample.time(253_402_300_800_000))),
        .token([.init(secret: SecretID(bytes: [1, 2, 3]), key: Sample.key)], .after(.zero)),
        .account(id: "", provider: nil, application: nil), .account(id: "1\0", provider: nil, application: nil),
        .account(id: String(repeating: "x", count: 1025), provider: nil, application: nil),
        .account(id: "1", provider: String(repeating: "é", count: 513), application: nil),
        .account(id: "1", provider: nil, application: String(repeating: "x", count: 1025)),
    ]

    @Test("a revocation that can't be read back is not packed", arguments: wrongRevocations)
    func wrongRevocation(_ revocation: Revocation) {
        #expect(FleetRecord(node: Sample.node, .revocation(revocation, number: 1)).packed() == nil)
        #expect(revocation.packedToken() == nil)
    }

    @Test("a record without a number or with another length of its node id is not packed")
    func wrongRecord() {
        let revocation = Revocation.account(id: "1", provider: nil, application: nil)
        #expect(FleetRecord(node: Sample.node, .revocation(revocation, number: 0)).packed() == nil)
        let beat = Heartbeat(number: 0, lastRevocation: 0, applied: .zero, isLast: false)
        #expect(FleetRecord(node: Sample.node, .heartbeat(beat)).packed() == nil)
        #expect(FleetRecord(node: NodeID(bytes: Array(0..<15)), .revocation(revocation, number: 1)).packed() == nil)
    }

    /// A varint field 99, and a field 100 of bytes.
    private static let unknownFields: [UInt8] = [0x98, 0x06, 0x05, 0xa2, 0x06, 0x02, 0x41, 0x42]

    @Test("fields of a newer node are ignored")
    func newerFields() throws {
        let entry = Sample.entry(Sample.rich)
        #expect(SharedEntry(unpacking: try #require(entry.packed()) + Self.unknownFields) == entry)
        for record in Sample.records {
            #expect(FleetRecord(unpacking: try #require(record.packed()) + Self.unknownFields) == record)
        }
        for denial in Sample.denials {
            #expect(Revocation(unpackingToken: try #require(denial.packedToken()) + Self.unknownFields) == denial)
        }
    }

    @Test("a message that was cut is another message or none")
    func truncated() throws {
        let entry = Sample.entry(Sample.rich)
        let message = try #require(entry.packed())
        for count in 0..<message.count { #expect(SharedEntry(unpacking: Array(message.prefix(count))) != entry) }
        for record in Sample.records {
            let message = try #require(record.packed())
            for count in 0..<message.count { #expect(FleetRecord(unpacking: Array(message.prefix(count))) != record) }
        }
    }

    @Test("text that is not UTF-8 is no message")
    func notUTF8() throws {
        for text in ["zoë@example.org", "1234567890", "corp", "orders.read", "billing-api", "https://login", "tenant", "aaaa"] {
            var message = try #require(Sample.entry(Sample.rich).packed())
            let place = try #require(message.firstRange(of: Array(text.utf8)))
            message[place.lowerBound] = 0xff
            #expect(SharedEntry(unpacking: message) == nil, "\(text)")
        }
        let account = Revocation.account(id: "account", provider: "provider", application: "application")
        for text in ["account", "provider", "application"] {
            var message = try #require(FleetRecord(node: Sample.node, .revocation(account, number: 1)).packed())
            let place = try #require(message.firstRange(of: Array(text.utf8)))
            message[place.lowerBound] = 0xff
            #expect(FleetRecord(unpacking: message) == nil, "\(text)")
        }
    }
}
