internal import DoormanCore
internal import DoormanSupport
internal import Logging

/// Settings that are valid, but are probably a mistake.
struct SettingsWarning: Sendable, Hashable {
    /// The warning without variable parts, as the log shows it. Names the settings.
    let message: String
    /// The values that the warning is about, by name.
    let values: [String: String]

    init(message: String, values: [String: String] = [:]) {
        self.message = message
        self.values = values
    }

    /// The warning with its values, as `--check-config` prints it.
    var text: String {
        guard !values.isEmpty else { return message }
        return message + " (" + values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + ")"
    }

    func log(to logger: Logger) {
        logger.warning("\(message)", metadata: values.mapValues { "\($0)" })
    }
}

extension DoormandSettings {
    /// Returns the warnings about these settings.
    ///
    /// - Parameters:
    ///   - applications: The number of served applications.
    ///   - now: The time at which the validity of certificates is checked.
    func warnings(applications: Int, now: Timestamp = TimeSource.system.wallTime()) -> [SettingsWarning] {
        secretFileWarnings + authorityWarnings(now)
            + timeoutWarnings + [freshnessWarning(applications: applications)].compactMap { $0 } + policyWarnings + audienceWarnings
            + fleetWarnings
    }

    private var fleetWarnings: [SettingsWarning] {
        guard fleet.isPlaintextOnNetwork, fleet.allowsPlaintext else { return [] }
        return [
            SettingsWarning(
                message:
                    "fleet.allow-plaintext is on: anyone on the network path can read the store's password, and hold back revocations",
                values: ["fleet.store": fleet.store.map(\.url).joined(separator: ", ")])
        ]
    }

    /// Warnings about introspection endpoints whose tokens are accepted for any audience. A provider that names no audience needs that, so
    /// they are not errors.
    private var audienceWarnings: [SettingsWarning] {
        ((try? providerEntries()) ?? []).filter { $0.kind == .introspection && $0.values["audience"] == nil }.map { entry in
            SettingsWarning(
                message:
                    "introspection without an audience: every active token of the provider is accepted, whatever service it is for",
                values: ["provider": entry.name])
        }
    }

    /// Warnings about rules of the policy that never apply to a caller. An operator may mean it, so they are not errors.
    private var policyWarnings: [SettingsWarning] {
        guard !policyFile.isEmpty, let file = try? PolicyFile(policyFile) else { return [] }
        return file.hiddenCallers.prefix(Self.maximumPolicyWarnings).map { hidden in
            SettingsWarning(
                message:
                    "authorization.policy-file: a rule never applies to one of its callers, because an earlier rule matches it first",
                values: ["rule": "\(hidden.rule)", "caller": "\(hidden.number)", "earlier-rule": "\(hidden.hidingRule)"])
        }
    }

    private static let maximumPolicyWarnings = 10

    /// Warnings about time-outs in the wrong order. The server works with them, only less well, and its callers may all set deadlines of
    /// their own. So they are not errors.
    private var timeoutWarnings: [SettingsWarning] {
        var warnings: [SettingsWarning] = []
        let (request, lookup, call) = (transport.requestTimeout, cache.lookupTimeout, server.connection.defaultCallTimeout)
        if request + governor.minimumRetryTime > lookup {
            warnings.append(
                SettingsWarning(
                    message: "a provider request that times out is never repeated: provider.request-timeout plus "
                        + "provider.min-retry-time is longer than provider.call-timeout",
                    values: [
                        "provider.request-timeout": DurationText.write(request),
                        "provider.min-retry-time": DurationText.write(governor.minimumRetryTime),
                        "provider.call-timeout": DurationText.write(lookup),
                    ]))
        }
        if lookup >= call {
            warnings.append(
                SettingsWarning(
                    message:
                        "a call without a deadline of its own may end before its lookup: provider.call-timeout is not shorter than "
                        + "server.default-call-timeout",
                    values: [
                        "provider.call-timeout": DurationText.write(lookup),
                        "server.default-call-timeout": DurationText.write(call),
                    ]))
        }
        return warnings
    }

    /// The warning about a cache that holds more tokens than provider requests can keep fresh. The others expire, and their next calls wait
    /// for the provider.
    private func freshnessWarning(applications: Int) -> SettingsWarning? {
        let rate = Double(governor.callsPerSecond * max(applications, 1))
        let refreshable = rate * (cache.ttl / .seconds(1))
        guard refreshable > 0, Double(cache.valid.entries) > refreshable else { return nil }
        return SettingsWarning(
            message: "the cache holds more tokens than the provider can keep fresh: cache.max-entries is larger than "
                + "provider.max-calls-per-second of all applications times cache.ttl",
            values: ["cache.max-entries": "\(cache.valid.entries)", "kept-fresh": "\(Int(refreshable))"])
    }
}
