internal import DoormanCrypto
internal import DoormanWire

/// The keys that a node derives from one fleet secret and the tag.
///
/// Sealed bytes are version (1) · secret id (8) · salt (16) · ciphertext · tag (16). Each message has a key of its own, HMAC-SHA-256 over the
/// salt and the name of its place in the store, so its nonce can be zero. Version, secret id and name are authenticated with it.
///
/// The salt is random, but for a denial: there it is a keyed hash of the message, so that the nodes, each of which repeats what the store has
/// lost, write the same member of the set. It shows which members are equal, and nothing else.
struct SealingKeys: Sendable {
    /// The kinds of sealed messages, each with a key of its own.
    enum Kind: CaseIterable {
        case entry, record, denial
    }

    private static let version: UInt8 = 1
    private static let headBytes = 1 + SecretID.byteCount
    private static let saltBytes = 16
    private static let nonce = [UInt8](repeating: 0, count: AES256GCM.nonceBytes)

    let id: SecretID
    /// Names the entries in the store by their tokens.
    let entryNames: HMACSHA256
    private let derivation: HKDFSHA256
    private let entries: HMACSHA256
    private let records: HMACSHA256
    private let denials: HMACSHA256
    private let denialSalts: HMACSHA256

    init(secret: [UInt8], tag: String) {
        let derivation = HKDFSHA256(secret: secret, salt: Array(tag.utf8))
        func key(_ purpose: String) -> HMACSHA256 { HMACSHA256(key: derivation.bytes(32, for: Self.info(purpose))) }
        self.derivation = derivation
        id = SecretID(bytes: derivation.bytes(SecretID.byteCount, for: Self.info("secret id")))
        entryNames = key("entry id")
        entries = key("seal")
        records = key("log")
        denials = key("denial")
        denialSalts = key("denial salt")
    }

    /// The secret of the nodes' cache keys.
    var cacheKeySecret: [UInt8] { derivation.bytes(32, for: Self.info("cache key")) }

    private static func info(_ purpose: String) -> [UInt8] { Array("doorman fleet v1 \(purpose)".utf8) }

    /// Returns the id of the secret that bytes were sealed under; `nil` if they have another form or version.
    static func id(in sealed: [UInt8]) -> SecretID? {
        guard (headBytes + saltBytes + AES256GCM.tagBytes...StoreLimits.value).contains(sealed.count), sealed[0] == version else {
            return nil
        }
        return SecretID(bytes: Array(sealed[1..<headBytes]))
    }

    /// Seals a message.
    ///
    /// - Parameter message: `nil` for one that can't be packed.
    func seal(_ message: [UInt8]?, as kind: Kind, named name: [UInt8]) throws -> [UInt8] {
        let added = Self.headBytes + Self.saltBytes + AES256GCM.tagBytes
        guard let message, message.count <= StoreLimits.value - added else { throw FleetSecrets.UnsealableMessage() }
        let salt =
            switch kind {
            case .entry, .record: try RandomBytes.generate(count: Self.saltBytes)
            case .denial: Array(denialSalts.authenticationCode(for: message.span).bytes.prefix(Self.saltBytes))
            }
        let head = [Self.version] + id.bytes
        return try head + salt + cipher(kind, salt, name).seal(message, nonce: Self.nonce, authenticating: head + name)
    }

    /// Opens bytes for which ``id(in:)`` is this id.
    func open(_ sealed: [UInt8], as kind: Kind, named name: [UInt8]) throws(SealError) -> [UInt8] {
        let saltEnd = Self.headBytes + Self.saltBytes
        let (head, salt) = (Array(sealed[..<Self.headBytes]), Array(sealed[Self.headBytes..<saltEnd]))
        do throws(AES256GCM.Failure) {
            return try cipher(kind, salt, name).open(Array(sealed[saltEnd...]), nonce: Self.nonce, authenticating: head + name)
        } catch {
            // Bytes that OpenSSL could not check are not used, either.
            throw .forged
        }
    }

    /// The cipher of one message.
    private func cipher(_ kind: Kind, _ salt: [UInt8], _ name: [UInt8]) -> AES256GCM {
        let key =
            switch kind {
            case .entry: entries
            case .record: records
            case .denial: denials
            }
        return AES256GCM(key: key.authenticationCode(for: (salt + name).span).bytes)
    }
}
