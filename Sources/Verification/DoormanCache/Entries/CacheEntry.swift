package import DoormanCore
package import DoormanSupport

/// The cached facts about one token. Each call compares them with its own maximum age and application.
package struct CacheEntry: Sendable, Hashable {
    /// The provider's verdict. An identity in it is ``Freshness/cached``, or ``Freshness/stale`` once it is served past its TTL.
    package var verdict: Verdict
    /// The verdict, encoded for the wire.
    package var response: EncodedResponse
    /// The time of the provider request. Ages count from here, since the verdict may have changed right after it.
    package var requestedAt: Instant
    /// The end of the TTL.
    package var expiresAt: Instant
    /// The time from which a hit refreshes the entry in the background. Default never.
    package var refreshAt: Instant
    /// The end of stale-if-error. Not before ``expiresAt``, which is the default.
    package var staleUntil: Instant
    /// The provider and the application that the call named which caused a rejection. Only calls that name the same are answered with the
    /// rejection.
    package var named = ProviderTarget()
    /// Whether the verdict can be read from the response, so that a segment does not store it: see ``VerdictCoding``.
    var isReadFromResponse = false

    package init(
        verdict: Verdict, response: EncodedResponse, requestedAt: Instant, expiresAt: Instant, refreshAt: Instant = .distantFuture,
        staleUntil: Instant? = nil
    ) {
        self.verdict = verdict
        self.response = response
        self.requestedAt = requestedAt
        self.expiresAt = expiresAt
        self.refreshAt = refreshAt
        self.staleUntil = staleUntil ?? expiresAt
    }

    /// The memory of every entry besides its texts, in bytes. An entry takes 208 bytes in flat arrays, of which a fifth to a third
    /// is free, 16 to 32 bytes in the index of keys, and 16 to 33 bytes in the index of accounts.
    package static let fixedCost = 392

    /// The memory of this entry, in bytes: ``fixedCost``, a response too long for its slot, and a verdict that is not read from it.
    package var cost: Int {
        // 80 bytes are for an array's header and a slot in a partly empty dictionary.
        let long = response.long.isEmpty ? 0 : 80 + response.long.count
        let named = [named.provider, named.applicationID].compactMap { $0 }.reduce(0) { $0 + 80 + $1.utf8.count }
        return Self.fixedCost + long + named + (isReadFromResponse ? 0 : StoredVerdict.cost + verdict.textCost)
    }

    /// Notes whether the verdict is an identity that can be read from the response.
    mutating func tryReading(_ coding: VerdictCoding) {
        guard case .valid = verdict, response.short.count != nil else { return isReadFromResponse = false }
        isReadFromResponse = coding.decode(response) == verdict
    }
}

/// The result of a cache lookup.
enum CacheLookup: Sendable, Hashable {
    /// An entry within its TTL, and not older than the maximum age. Only one hit of an entry is due for refresh.
    case hit(EncodedVerdict, isDueForRefresh: Bool)
    /// An entry past its TTL, but not older than the maximum age. It may be served while the provider is unavailable.
    case stale
    case miss
}

extension Verdict {
    fileprivate var textCost: Int {
        switch self {
        case .rejected, .forbidden:
            // The message is a literal, which takes no heap memory.
            return 0
        case .valid(let identity):
            return identity.heapBytes
        }
    }
}
