internal import DoormanCore
internal import DoormanFleet
internal import DoormanWire
internal import FuzzKit

/// Bytes from the store, and the rules that hold for all.
struct MessageUnderTest {
    private static let secrets = FleetSecrets([Array(0..<32), Array(1...32)], tag: "fuzz")
    private static let entryKey = secrets.entryKey(of: [UInt8]("PLANTED".utf8).span)

    private let bytes: [UInt8]
    /// A small arena, so that messages reach its limits.
    private let arena = MessageArena(capacity: 512, budget: 16 << 10)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func checkEntry() {
        guard let entry = SharedEntry(unpacking: bytes.span, in: arena) else { return }
        require(!entry.identity.accountID.isEmpty && !entry.identity.provider.isEmpty, "an entry has an account and a provider")
        require((1...FleetLimits.fingerprintBytes).contains(entry.fingerprint.count), "a fingerprint is bounded")
        require((1...FleetLimits.epochBytes).contains(entry.requestedAfter.epoch.utf8.count), "an epoch is bounded")
        require(entry.tokenEnd > Timestamp(millisecondsSince1970: 0), "the end of a token is a time")
        require(entry.identity.signingKey == nil, "an entry has no signing key")
        guard let again = entry.packed() else { return require(false, "an entry that is read can be packed") }
        require(SharedEntry(unpacking: again.span, in: MessageArena()) == entry, "an entry survives packing and unpacking")
        let sealed = try? Self.secrets.seal(entry, for: Self.entryKey)
        require(sealed.flatMap { try? Self.secrets.openEntry($0, for: Self.entryKey) } == entry, "an entry survives the store")
        guard let sealed else { return }
        require((try? Self.secrets.openEntry(sealed, for: Self.secrets.logKey)) == nil, "an entry opens under its own key only")
        require((try? Self.secrets.openRecord(sealed)) == nil, "an entry is no record")
    }

    func checkRecord() {
        guard let record = FleetRecord(unpacking: bytes.span, in: arena) else { return }
        require(record.node.bytes.count == NodeID.byteCount, "a node id has 16 bytes")
        if case .revocation(let revocation, let number) = record.content {
            require(number > 0, "a number is from 1")
            check(revocation)
        }
        guard let again = record.packed() else { return require(false, "a record that is read can be packed") }
        require(FleetRecord(unpacking: again.span, in: MessageArena()) == record, "a record survives packing and unpacking")
        let sealed = try? Self.secrets.seal(record)
        require(sealed.flatMap { try? Self.secrets.openRecord($0) } == record, "a record survives the store")
        require(sealed.flatMap { try? Self.secrets.openDenial($0) } == nil, "a record is no denial")
    }

    func checkDenial() {
        guard let denial = Revocation(unpackingToken: bytes.span, in: arena) else { return }
        guard case .token = denial else { return require(false, "a denial is about a token") }
        check(denial)
        guard let again = denial.packedToken() else { return require(false, "a denial that is read can be packed") }
        require(Revocation(unpackingToken: again.span, in: MessageArena()) == denial, "a denial survives packing and unpacking")
        let sealed = try? Self.secrets.sealDenial(denial)
        require(sealed.flatMap { try? Self.secrets.openDenial($0) } == denial, "a denial survives the store")
        require(sealed.flatMap { try? Self.secrets.openRecord($0) } == nil, "a denial is no record")
    }

    private func check(_ revocation: Revocation) {
        switch revocation {
        case .token(let keys, .after(let duration)):
            require((1...FleetLimits.keysOfToken).contains(keys.count), "the number of keys is bounded")
            require(duration >= .zero && duration < .seconds(253_402_300_800), "a duration is bounded")
        case .token(let keys, .at(let end)):
            require((1...FleetLimits.keysOfToken).contains(keys.count), "the number of keys is bounded")
            require(end > Timestamp(millisecondsSince1970: 0), "the end of a denial is a time")
        case .account(let id, let provider, let application):
            require(!id.isEmpty, "an account has an id")
            let longest = [id, provider ?? "", application ?? ""].map(\.utf8.count).max() ?? 0
            require(longest <= FleetLimits.accountTextBytes, "the texts of an account are bounded")
        }
    }

    /// Nothing opens that was not sealed under one of the secrets.
    func checkSealed() {
        require((try? Self.secrets.openEntry(bytes, for: Self.entryKey)) == nil, "no entry can be forged")
        require((try? Self.secrets.openRecord(bytes)) == nil, "no record can be forged")
        require((try? Self.secrets.openDenial(bytes)) == nil, "no denial can be forged")
        // The same bytes with a head that gets as far as the check of the tag.
        let named = [1] + Self.secrets.currentID.bytes + bytes
        do throws(SealError) {
            _ = try Self.secrets.openEntry(named, for: Self.entryKey)
            require(false, "no entry can be forged under a known secret")
        } catch {
            require(error == (named.count < 41 ? .malformed : .forged), "short bytes are malformed, and others forged")
        }
    }
}
