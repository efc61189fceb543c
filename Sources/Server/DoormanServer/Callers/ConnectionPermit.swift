internal import CallerLimits

/// Counts a connection among those of its caller, until the permit is released.
final class ConnectionPermit: Sendable {
    private let quota: CallerQuota?

    /// Returns `nil` if the caller has as many connections as it may.
    convenience init?(of caller: CallerContext) {
        self.init(caller.permits.caller)
    }

    /// - Parameter quota: The quota that counts the connection; `nil` for no limit.
    init?(_ quota: CallerQuota?) {
        guard quota?.takePermitForConnection() ?? true else { return nil }
        // Only now: a failed initializer that has set all its properties runs deinit.
        self.quota = quota
    }

    deinit {
        quota?.releasePermitForConnection()
    }
}
