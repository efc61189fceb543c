package import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// Divides the lookups in flight among the providers, so that a provider that hangs can't starve the others.
///
/// A provider may begin a lookup while it has fewer in flight than are left for all providers. So a provider that hangs takes half of the
/// lookups at most. Two that hang come to a third each, as soon as the first lookups have timed out, and so on.
package final class LookupPermits: Sendable {
    /// The limit on the lookups of all providers together.
    package struct Limit: Sendable, Hashable {
        /// The key of the setting, for errors.
        package let setting: String
        package let maximum: Int

        package init(setting: String, maximum: Int) {
            self.setting = setting
            self.maximum = maximum
        }
    }

    private struct State {
        var total = 0
        /// The lookups in flight by the names of their providers.
        var inFlight: [String: Int] = [:]

        mutating func take(for provider: String, of maximum: Int) -> Bool {
            let own = inFlight[provider] ?? 0
            guard own < maximum - total else { return false }
            total += 1
            inFlight[provider] = own + 1
            return true
        }

        mutating func giveBack(for provider: String) {
            guard let own = inFlight[provider] else { preconditionFailure("a permit is given back once") }
            total -= 1
            inFlight[provider] = own == 1 ? nil : own - 1
        }
    }

    package let limit: Limit
    private let state = NIOLockedValueBox(State())

    package init(_ limit: Limit) {
        self.limit = limit
    }

    /// The number of lookups in flight of all providers.
    package var inFlightCount: Int { state.withLockedValue(\.total) }

    /// Performs a lookup, or the part of a lookup in which it waits for this provider.
    ///
    /// - Throws: `.providerBusy` if the provider has too many lookups in flight; otherwise what `lookup` throws.
    package func perform<Value>(
        for provider: String, _ lookup: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        guard state.withLockedValue({ $0.take(for: provider, of: limit.maximum) }) else {
            throw VerificationError(
                .providerBusy, "Too many lookups of this provider are in flight: its part of \(limit.setting) is used up.",
                retryAfter: RetryHint.minimumDelay, limit: limit.setting)
        }
        defer { state.withLockedValue { $0.giveBack(for: provider) } }
        return try await lookup()
    }
}

extension LookupPermits? {
    /// Performs a lookup, without a limit if there are no permits: a single provider leaves nothing for others.
    func perform<Value>(
        for provider: String, _ lookup: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        switch self {
        case nil: try await lookup()
        case let permits?: try await permits.perform(for: provider, lookup)
        }
    }
}
