internal import DoormanCore
internal import DoormanCrypto
package import DoormanWire

/// The keys that the nodes of a fleet derive from the fleet secret and the tag, and what they do with them.
///
/// - They name entries in the store: without the secret, a copy of the store can't be searched for a guessed token.
/// - They seal what is stored: without the secret, no identity and no revocation can be written or read.
/// - They make the nodes' cache keys, which the log names tokens by.
///
/// The second of two secrets is the previous one of a rotation, or the next one: what is sealed under it can be opened.
package struct FleetSecrets: Sendable {
    /// The length of a secret in bytes.
    package static let secretBytes = 32

    private let tag: String
    /// The keys of each secret, the current one's first.
    private let keys: [SealingKeys]

    /// - Parameters:
    ///   - secrets: One or two different secrets of ``secretBytes`` bytes, the current one first. See ``Content``.
    ///   - tag: A tag for which ``isValid(tag:)`` is true. Anything else traps.
    package init(_ secrets: [[UInt8]], tag: String) {
        precondition((1...2).contains(secrets.count) && Set(secrets).count == secrets.count, "one or two different fleet secrets")
        precondition(secrets.allSatisfy { $0.count == Self.secretBytes }, "length of a fleet secret")
        precondition(Self.isValid(tag: tag), "tag of a fleet")
        self.tag = tag
        keys = secrets.map { SealingKeys(secret: $0, tag: tag) }
    }

    /// Returns whether a text can be the tag of a fleet: 1 to 32 lowercase letters, digits and hyphens.
    package static func isValid(tag: String) -> Bool {
        (1...32).contains(tag.utf8.count)
            && tag.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
                default: false
                }
            }
    }

    /// The id of the current secret.
    package var currentID: SecretID { keys[0].id }

    /// The ids of all secrets, the current one's first.
    package var ids: [SecretID] { keys.map(\.id) }

    /// For each secret, the current one first, the secret of the nodes' cache keys. It is the argument of `TokenKeyMaker(secret:)`.
    package var cacheKeySecrets: [(id: SecretID, secret: [UInt8])] { keys.map { ($0.id, $0.cacheKeySecret) } }
}

/// The description has the ids of the secrets, which say nothing about them.
extension FleetSecrets: Redacted {
    package var description: String { "FleetSecrets(\(tag), \(ids.count))" }
}

// MARK: - Names in the store

extension FleetSecrets {
    /// The key of the log.
    package var logKey: [UInt8] { name("log") }

    /// The key of the sorted set of denials.
    package var denialsKey: [UInt8] { name("denials") }

    /// Returns the key of a token's entry under the current secret.
    package func entryKey(of token: Span<UInt8>) -> [UInt8] {
        name("e:" + keys[0].entryNames.authenticationCode(for: token).hexadecimal)
    }

    /// Returns the key of the lease for an entry.
    ///
    /// - Parameter entryKey: A result of ``entryKey(of:)``. Anything else traps.
    package func leaseKey(of entryKey: [UInt8]) -> [UInt8] {
        let prefix = name("e:")
        precondition(entryKey.starts(with: prefix), "the key of an entry")
        return name("l:") + entryKey.dropFirst(prefix.count)
    }

    /// The braces keep all keys of a fleet in one slot of a cluster.
    private func name(_ name: String) -> [UInt8] { Array("d1:{\(tag)}:\(name)".utf8) }
}

// MARK: - Sealing

extension FleetSecrets {
    /// The error of a message that has a part beyond its limit, lacks one, or is too long for the store.
    package struct UnsealableMessage: Error, Sendable, Hashable {}

    /// Seals an entry under the current secret.
    ///
    /// - Parameter key: The entry's key in the store. The bytes can't be opened under another.
    /// - Throws: ``UnsealableMessage``, or the error of the random number generator or of OpenSSL.
    package func seal(_ entry: SharedEntry, for key: [UInt8]) throws -> [UInt8] {
        try keys[0].seal(entry.packed(), as: .entry, named: key)
    }

    /// Opens an entry that was sealed for this key.
    package func openEntry(_ sealed: [UInt8], for key: [UInt8]) throws(SealError) -> SharedEntry {
        let message = try open(sealed, as: .entry, named: key)
        guard let entry = SharedEntry(unpacking: message.span, in: MessageArena()) else { throw .unreadable }
        return entry
    }

    /// Seals a record of the log under the current secret.
    package func seal(_ record: FleetRecord) throws -> [UInt8] {
        try keys[0].seal(record.packed(), as: .record, named: logKey)
    }

    /// Opens a record of the log.
    package func openRecord(_ sealed: [UInt8]) throws(SealError) -> FleetRecord {
        let message = try open(sealed, as: .record, named: logKey)
        guard let record = FleetRecord(unpacking: message.span, in: MessageArena()) else { throw .unreadable }
        return record
    }

    /// Seals the revocation of a token as a member of the set of denials, under the current secret. The revocation of an account can't be one.
    package func sealDenial(_ revocation: Revocation) throws -> [UInt8] {
        try keys[0].seal(revocation.packedToken(), as: .denial, named: denialsKey)
    }

    /// Opens a member of the set of denials: the revocation of a token.
    package func openDenial(_ sealed: [UInt8]) throws(SealError) -> Revocation {
        let message = try open(sealed, as: .denial, named: denialsKey)
        guard let revocation = Revocation(unpackingToken: message.span, in: MessageArena()) else { throw .unreadable }
        return revocation
    }

    /// Opens bytes under the secret that they name.
    private func open(_ sealed: [UInt8], as kind: SealingKeys.Kind, named name: [UInt8]) throws(SealError) -> [UInt8] {
        guard let id = SealingKeys.id(in: sealed) else { throw .malformed }
        guard let keys = keys.first(where: { $0.id == id }) else { throw .unknownSecret }
        return try keys.open(sealed, as: kind, named: name)
    }
}
