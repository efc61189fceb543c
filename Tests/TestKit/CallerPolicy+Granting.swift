package import CallerLimits
package import DoormanServer
package import DoormanSupport

extension CallerPolicy {
    /// Returns a policy that grants these callers some methods, and the others what ``standard`` grants.
    package static func granting(
        _ methods: MethodSet = [.verify, .exchange, .revoke, .revokeAccounts, .accounts, .statistics], to callers: [Caller],
        _ limits: CallerQuota.Limits = CallerQuota.Limits()
    ) -> CallerPolicy {
        CallerPolicy(
            [
                Rule(callers.map(CallerMatcher.one), CallerPermissions(methods, limits)),
                Rule([.local], CallerPermissions([.verify, .exchange, .revoke, .statistics])),
                Rule([.any], CallerPermissions(.verify)),
            ], setting: "authorization.policy-file")
    }
}
