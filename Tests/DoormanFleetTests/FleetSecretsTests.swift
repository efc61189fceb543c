import DoormanCore
import DoormanFleet
import DoormanWire
import TestKit
import Testing

@Suite("Fleet secrets")
struct FleetSecretsTests {
    private static let old = [UInt8](0..<32)
    private static let new = [UInt8](100..<132)
    private static let secrets = FleetSecrets([old], tag: "prod-1")
    private static let token = [UInt8]("token".utf8)
    private static let entry = Sample.entry(Sample.rich)
    private static let record = Sample.records[0]
    private static let denial = Sample.denials[0]

    private static func key(_ secrets: FleetSecrets = secrets, of token: [UInt8] = token) -> [UInt8] {
        secrets.entryKey(of: token.span)
    }

    /// Returns the error of opening; `nil` if the bytes open.
    private static func error(_ open: () throws(SealError) -> some Any) -> SealError? {
        do throws(SealError) {
            _ = try open()
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Names

    @Test("the names in the store have the tag as their hash tag")
    func names() {
        let entryKey = String(decoding: Self.key(), as: UTF8.self)
        #expect(String(decoding: Self.secrets.logKey, as: UTF8.self) == "d1:{prod-1}:log")
        #expect(String(decoding: Self.secrets.denialsKey, as: UTF8.self) == "d1:{prod-1}:denials")
        #expect(entryKey.wholeMatch(of: /d1:\{prod-1\}:e:[0-9a-f]{64}/) != nil)
        #expect(
            String(decoding: Self.secrets.leaseKey(of: Self.key()), as: UTF8.self)
                == entryKey.replacing("d1:{prod-1}:e:", with: "d1:{prod-1}:l:"))
    }

    @Test("the name of an entry depends on token, secret and tag")
    func distinctNames() {
        let names = [
            Self.key(), Self.key(of: [UInt8]("tokem".utf8)), Self.key(FleetSecrets([Self.new], tag: "prod-1")),
            Self.key(FleetSecrets([Self.old], tag: "prod-2")),
        ]
        #expect(Set(names.map { $0.suffix(64) }).count == names.count)
        #expect(Self.key() == Self.key(FleetSecrets([Self.old, Self.new], tag: "prod-1")))
    }

    @Test("all that is derived from a secret differs")
    func distinctKeys() {
        let both = FleetSecrets([Self.old, Self.new], tag: "prod-1")
        #expect(both.currentID == Self.secrets.currentID)
        #expect(both.ids == [Self.secrets.currentID, FleetSecrets([Self.new], tag: "prod-1").currentID])
        #expect(both.cacheKeySecrets.map(\.id) == both.ids)
        #expect(both.cacheKeySecrets[0].secret == Self.secrets.cacheKeySecrets[0].secret)
        let other = FleetSecrets([Self.old, Self.new], tag: "prod-2")
        let derived = (both.cacheKeySecrets + other.cacheKeySecrets).map(\.secret) + [Self.old, Self.new]
        #expect(derived.allSatisfy { $0.count == 32 })
        #expect(Set(derived).count == derived.count)
        #expect(Set(both.ids + other.ids).count == 4)
        #expect(both.ids.allSatisfy { $0.bytes.count == SecretID.byteCount })
    }

    /// The bytes come from the Python package `cryptography`: HKDF-SHA-256 with the tag as the salt.
    @Test("the derivation is the documented one")
    func derivation() {
        #expect(Self.secrets.currentID.bytes == bytes(hexadecimal: "1d4dce83bbc9d20b"))
        let secret = bytes(hexadecimal: "94120a286aefbd10834a6260aea33b1dc1b7a5d1178b5787ce2cd3544f93651b")
        #expect(Self.secrets.cacheKeySecrets[0].secret == secret)
        #expect(Self.key().suffix(64).elementsEqual("038d23a077541f2454a23af90933c1ce944abd340ddb05f9367deaeaeba38bbc".utf8))
    }

    /// Made with the Python package `cryptography`: a heartbeat with number 1.
    @Test("a record that another program sealed opens")
    func independentRecord() throws {
        let sealed = bytes(
            hexadecimal: "011d4dce83bbc9d20bc8c9cacbcccdcecfd0d1d2d3d4d5d6d737ec5d3eb2675fde41e6d9605fb80b7ec43d7644"
                + "605455051e283bd531e44b2f7400e38b9a9aa58e")
        let heartbeat = Heartbeat(number: 1, lastRevocation: 0, applied: .zero, isLast: false)
        #expect(try Self.secrets.openRecord(sealed) == FleetRecord(node: Sample.node, .heartbeat(heartbeat)))
    }

    @Test("a tag has 1 to 32 lowercase letters, digits and hyphens")
    func tags() {
        for tag in ["a", "prod-1", "-", String(repeating: "z", count: 32)] { #expect(FleetSecrets.isValid(tag: tag)) }
        for tag in ["", "A", "a b", "a}", "é", "a\n", String(repeating: "z", count: 33)] {
            #expect(!FleetSecrets.isValid(tag: tag))
        }
    }

    // MARK: - Sealing

    @Test("a sealed entry opens", arguments: [Sample.rich, Sample.bare])
    func entries(_ identity: Identity) throws {
        let entry = Sample.entry(identity)
        let sealed = try Self.secrets.seal(entry, for: Self.key())
        #expect(try Self.secrets.openEntry(sealed, for: Self.key()) == entry)
        #expect(try Self.secrets.seal(entry, for: Self.key()) != sealed, "each salt is another")
    }

    @Test("a sealed record opens", arguments: Sample.records)
    func records(_ record: FleetRecord) throws {
        #expect(try Self.secrets.openRecord(Self.secrets.seal(record)) == record)
    }

    @Test("a sealed denial opens", arguments: Sample.denials)
    func denials(_ denial: Revocation) throws {
        #expect(try Self.secrets.openDenial(Self.secrets.sealDenial(denial)) == denial)
    }

    @Test("sealed bytes with a changed bit don't open")
    func changedBits() throws {
        let sealed = try Self.secrets.seal(Self.entry, for: Self.key())
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << UInt8(bit)
                let expected: SealError = index == 0 ? .malformed : index < 9 ? .unknownSecret : .forged
                #expect(Self.error { () throws(SealError) in try Self.secrets.openEntry(changed, for: Self.key()) } == expected)
            }
        }
    }

    @Test("each node seals a denial to the same bytes, and another denial or record to others")
    func sameDenial() throws {
        #expect(try Self.secrets.sealDenial(Self.denial) == Self.secrets.sealDenial(Self.denial))
        let sealed = try Set(Sample.denials.map { try Self.secrets.sealDenial($0) })
        #expect(sealed.count == Set(Sample.denials).count)
        #expect(try Self.secrets.seal(Self.record) != Self.secrets.seal(Self.record))
    }

    @Test("records and denials with a changed byte don't open")
    func changedBytes() throws {
        let (record, denial) = try (Self.secrets.seal(Self.record), Self.secrets.sealDenial(Self.denial))
        for index in record.indices {
            var changed = record
            changed[index] ^= 0x80
            #expect(Self.error { () throws(SealError) in try Self.secrets.openRecord(changed) } != nil)
        }
        for index in denial.indices {
            var changed = denial
            changed[index] ^= 1
            #expect(Self.error { () throws(SealError) in try Self.secrets.openDenial(changed) } != nil)
        }
    }

    @Test("sealed bytes that were cut don't open")
    func truncated() throws {
        let sealed = try Self.secrets.seal(Self.entry, for: Self.key())
        for count in 0..<sealed.count {
            let error = Self.error { () throws(SealError) in
                try Self.secrets.openEntry(Array(sealed.prefix(count)), for: Self.key())
            }
            #expect(error == (count < 41 ? .malformed : .forged))
        }
        #expect(Self.error { () throws(SealError) in try Self.secrets.openEntry(sealed + [0], for: Self.key()) } == .forged)
    }

    @Test("an entry does not open under the key of another token")
    func movedEntry() throws {
        let sealed = try Self.secrets.seal(Self.entry, for: Self.key())
        #expect(
            Self.error { () throws(SealError) in try Self.secrets.openEntry(sealed, for: Self.key(of: [1])) } == .forged)
    }

    @Test("sealed bytes open in the place that they were sealed for alone")
    func movedMessages() throws {
        let secrets = Self.secrets
        // Under the names of the log and the denials, so that only the kind differs.
        for name in [secrets.logKey, secrets.denialsKey] {
            let entry = try secrets.seal(Self.entry, for: name)
            #expect(Self.error { () throws(SealError) in try secrets.openRecord(entry) } == .forged)
            #expect(Self.error { () throws(SealError) in try secrets.openDenial(entry) } == .forged)
        }
        let (record, denial) = try (secrets.seal(Self.record), secrets.sealDenial(Self.denial))
        #expect(Self.error { () throws(SealError) in try secrets.openDenial(record) } == .forged)
        #expect(Self.error { () throws(SealError) in try secrets.openEntry(record, for: secrets.logKey) } == .forged)
        #expect(Self.error { () throws(SealError) in try secrets.openRecord(denial) } == .forged)
        #expect(Self.error { () throws(SealError) in try secrets.openEntry(denial, for: secrets.denialsKey) } == .forged)
    }

    @Test("nothing opens under another tag")
    func otherTag() throws {
        let other = FleetSecrets([Self.old], tag: "prod-2")
        let (entry, record) = try (Self.secrets.seal(Self.entry, for: Self.key()), Self.secrets.seal(Self.record))
        #expect(Self.error { () throws(SealError) in try other.openEntry(entry, for: Self.key()) } == .unknownSecret)
        #expect(Self.error { () throws(SealError) in try other.openRecord(record) } == .unknownSecret)
    }

    @Test("another version is malformed", arguments: [0, 2, 255] as [UInt8])
    func otherVersion(_ version: UInt8) throws {
        var sealed = try Self.secrets.seal(Self.record)
        sealed[0] = version
        #expect(Self.error { () throws(SealError) in try Self.secrets.openRecord(sealed) } == .malformed)
    }

    @Test("bytes beyond 64 KiB are malformed")
    func tooLong() {
        let head = [1] + Self.secrets.currentID.bytes
        let limit = head + [UInt8](repeating: 0, count: 65_536 - head.count)
        #expect(Self.error { () throws(SealError) in try Self.secrets.openRecord(limit) } == .forged)
        #expect(Self.error { () throws(SealError) in try Self.secrets.openRecord(limit + [0]) } == .malformed)
    }

    @Test("a message that no node could open is not sealed")
    func unsealable() {
        var entry = Self.entry
        entry.identity.claims = ["a": String(repeating: "x", count: 65_536)]
        #expect(throws: FleetSecrets.UnsealableMessage.self) { try Self.secrets.seal(entry, for: Self.key()) }
        entry.identity.claims = ["a": "\0"]
        #expect(throws: FleetSecrets.UnsealableMessage.self) { try Self.secrets.seal(entry, for: Self.key()) }
        #expect(throws: FleetSecrets.UnsealableMessage.self) {
            try Self.secrets.sealDenial(.account(id: "1", provider: nil, application: nil))
        }
    }

    // MARK: - Rotation

    @Test("what the previous secret sealed opens while that is the second")
    func rotation() throws {
        let (entry, record, denial) = try (
            Self.secrets.seal(Self.entry, for: Self.key()), Self.secrets.seal(Self.record), Self.secrets.sealDenial(Self.denial)
        )
        let both = FleetSecrets([Self.new, Self.old], tag: "prod-1")
        #expect(try both.openEntry(entry, for: Self.key()) == Self.entry)
        #expect(try both.openRecord(record) == Self.record)
        #expect(try both.openDenial(denial) == Self.denial)
        let after = FleetSecrets([Self.new], tag: "prod-1")
        #expect(Self.error { () throws(SealError) in try after.openEntry(entry, for: Self.key()) } == .unknownSecret)
        #expect(Self.error { () throws(SealError) in try after.openRecord(record) } == .unknownSecret)
        #expect(Self.error { () throws(SealError) in try after.openDenial(denial) } == .unknownSecret)
    }

    @Test("the first secret seals")
    func sealing() throws {
        let both = FleetSecrets([Self.new, Self.old], tag: "prod-1")
        let record = try both.seal(Self.record)
        #expect(Array(record[1..<9]) == both.currentID.bytes)
        #expect(try FleetSecrets([Self.new], tag: "prod-1").openRecord(record) == Self.record)
        #expect(Self.error { () throws(SealError) in try Self.secrets.openRecord(record) } == .unknownSecret)
    }

    // MARK: - Sizes

    @Test("an entry with an identity of 100 bytes of text has at most 350 bytes")
    func size() throws {
        var identity = Identity(
            accountID: "1234567890123456", applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"),
            email: "someone.in.particular@mail.example", provider: "account-kit", verifiedAt: Sample.time(1_800_000_000_000))
        identity.validUntil = Sample.time(1_800_000_060_000)
        let text = 16 + 16 + 12 + 1 + 10 + 34 + 11
        #expect(text == 100)
        let sealed = try Self.secrets.seal(Sample.entry(identity), for: Self.key())
        #expect((text...350).contains(sealed.count))
    }
}
