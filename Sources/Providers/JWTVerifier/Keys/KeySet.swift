internal import StrictJSON

/// The keys of an issuer: a JSON Web Key Set (RFC 7517, section 5), or a map of key ids to X.509 certificates as Google has them.
///
/// A key that can't be used is skipped, and does not make the others unusable.
package struct KeySet: Sendable {
    /// The maximum length of the text: 256 KiB.
    package static let maximumBytes = 256 << 10
    /// The maximum number of keys. With more, the set is refused as a whole: the token of a key that was left out would be rejected.
    package static let maximumKeys = 100
    /// The maximum number of keys with the same id. A token is tried with each of them.
    package static let maximumKeysPerID = 4

    /// A key that is not used.
    package struct Skipped: Sendable, Hashable, CustomStringConvertible {
        /// The position in the set from 1; for certificates, the position in the order of their ids.
        package let position: Int
        package let reason: SkippedKeyReason

        package var description: String { "key \(position) \(reason)" }
    }

    /// The usable keys, in the issuer's order, each of them once.
    package private(set) var keys: [IssuerKey] = []
    package private(set) var skipped: [Skipped] = []
    private var positions: [[UInt8]: [Int]] = [:]

    /// Reads a set.
    ///
    /// - Parameter body: The text, of which nothing is believed.
    /// - Throws: ``KeyFetchFailure`` if the text is no set, or above a limit. A set without a usable key does not throw.
    package init(_ body: [UInt8]) throws(KeyFetchFailure) {
        guard body.count <= Self.maximumBytes else { throw .tooLong }
        guard let members = JSONValue(bytes: body)?.object else { throw .notJSON }
        if let set = members["keys"] {
            guard let values = set.array else { throw .notAKeySet }
            try self.init(values.map(Candidate.key))
        } else {
            var candidates: [Candidate] = []
            for (id, value) in members.sorted(by: { $0.key < $1.key }) {
                guard let certificate = value.string else { throw .notAKeySet }
                candidates.append(.certificate(certificate, id: id))
            }
            try self.init(candidates)
        }
    }

    private enum Candidate {
        case key(JSONValue)
        case certificate(String, id: String)
    }

    private init(_ candidates: [Candidate]) throws(KeyFetchFailure) {
        guard candidates.count <= Self.maximumKeys else { throw .tooManyKeys }
        for (index, candidate) in candidates.enumerated() {
            do throws(SkippedKeyReason) {
                switch candidate {
                case .key(let value): try append(IssuerKey(value))
                case .certificate(let certificate, let id): try append(IssuerKey(id: id, certificate: certificate))
                }
            } catch {
                skipped.append(Skipped(position: index + 1, reason: error))
            }
        }
    }

    private mutating func append(_ key: IssuerKey) throws(SkippedKeyReason) {
        guard !keys.contains(key) else { return }
        if let id = key.id {
            guard positions[id, default: []].count < Self.maximumKeysPerID else { throw .repeatedID }
            positions[id, default: []].append(keys.count)
        }
        keys.append(key)
    }

    /// Returns the keys with an id. Empty if the set has none.
    package func keys(withID id: [UInt8]) -> [IssuerKey] {
        (positions[id] ?? []).map { keys[$0] }
    }

    /// The fingerprints of the usable keys.
    package var fingerprints: Set<UInt64> { Set(keys.map(\.publicKey.fingerprint)) }

    /// Whether two sets have the same usable keys, and skipped the same others.
    func isEqual(to other: KeySet) -> Bool {
        keys == other.keys && skipped == other.skipped
    }
}
