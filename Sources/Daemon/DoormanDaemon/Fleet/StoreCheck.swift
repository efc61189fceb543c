internal import DoormanCrypto
internal import DoormanFleet
internal import DoormanSupport
internal import RedisStore

/// What `--check-config` finds out about the fleet's store.
package struct StoreReport: Sendable {
    /// What the store is, a line each.
    package var facts: [String] = []
    package var warnings: [String] = []
}

/// Asks the store what it is, and tries every command that a server of the fleet needs, on keys that no server uses.
///
/// A store that can't be reached is a warning and no error: settings are checked on machines that can't reach it, and before each reload.
struct StoreCheck {
    private let configured: ConfiguredFleet
    private var report = StoreReport()

    init(_ configured: ConfiguredFleet) {
        self.configured = configured
    }

    /// Checks the store. Each command gives up after its own deadline.
    mutating func run() async -> StoreReport {
        let store = RedisStore(configured.store, credentials: configured.credentials)
        do throws(StoreError) {
            let session = try await store.openSession()
            let sentinel = configured.store.sentinelPrimary
            let place = sentinel.map { ", the primary \($0) of its Sentinels" } ?? ""
            report.facts.append("the fleet's store is \(session.server.summary)\(place)")
            report.warnings += session.server.warnings(withSentinel: sentinel != nil).map { "the fleet's store: \($0)" }
            await tryCommands(session)
            session.close()
        } catch {
            report.warnings.append("the fleet's store can't be reached, so it was not checked: \(error.cause)")
        }
        await store.shutDown()
        return report
    }

    private mutating func tryCommands(_ session: any StoreSession) async {
        let secrets = configured.secrets
        // Beside the log, so that an ACL for the fleet's keys allows it, and for this check alone.
        let number = (try? RandomBytes.generate(count: 8)) ?? []
        let prefix = secrets.logKey + Array(":check-".utf8) + number.map { UInt8(ascii: "a") + $0 % 26 }
        let (value, log, set) = (prefix + Array(":v".utf8), prefix + Array(":l".utf8), prefix + Array(":s".utf8))
        let holder = [UInt8(1)]
        await attempt("GET") { () async throws(StoreError) in _ = try await session.value(of: value) }
        await attempt("SET") { () async throws(StoreError) in
            _ = try await session.takeLease(value, holder: holder, lifetime: Self.lifetime)
        }
        await attempt("EVAL, GET or DEL") { () async throws(StoreError) in try await session.endLease(value, holder: holder) }
        await attempt("MULTI, XADD, DEL, ZADD or EXEC") { () async throws(StoreError) in
            let member = ScoredMember(holder, score: 0)
            _ = try await session.append(
                LogAppend(holder, removing: [value], adding: member, to: set, keepingFrom: .zero), to: log)
        }
        await attempt("XRANGE or XREVRANGE") { () async throws(StoreError) in _ = try await session.logRange(of: log) }
        await attempt("XREAD") { () async throws(StoreError) in _ = try await session.records(of: log, after: .zero, limit: 1) }
        await attempt("ZRANGEBYSCORE") { () async throws(StoreError) in
            _ = try await session.members(of: set, from: 0, offset: 0, limit: 1)
        }
        await attempt("ZREMRANGEBYSCORE") { () async throws(StoreError) in try await session.removeMembers(of: set, below: 1) }
        // A value takes the place of the log, and ends.
        await attempt("SET") { () async throws(StoreError) in try await session.set(holder, for: log, lifetime: Self.lifetime) }
    }

    private static let lifetime = Duration.seconds(1)

    private mutating func attempt(_ commands: String, _ body: () async throws(StoreError) -> Void) async {
        do throws(StoreError) {
            try await body()
        } catch {
            let warning =
                if case .refused(let code) = error {
                    "the fleet's store refuses \(commands) (\(code)): correct the ACL of the user \(configured.credentials.user ?? "default")"
                } else {
                    "the fleet's store fails \(commands): \(error.cause)"
                }
            if !report.warnings.contains(warning) { report.warnings.append(warning) }
        }
    }
}
