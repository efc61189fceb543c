extension SettingsCatalogue {
    /// The settings of a fleet: of several servers that share verdicts and revocations.
    static let fleet: [Setting] = [
        .stores(
            "fleet.store", \.fleet.store,
            "Address of the Redis or Valkey that the servers of a fleet share, as rediss://HOST:PORT, or those of its Sentinels, comma-separated. Empty for no fleet."
        ).tier(.tune),
        .text(
            "fleet.secret-file", \.fleet.secretFile,
            "Path to a file with the fleet's secret: 64 hexadecimal digits, the same at all servers. A second line has another secret during a rotation."
        ).tier(.tune),
        .text(
            "fleet.tag", \.fleet.tag, pattern: "^[a-z0-9-]{1,32}$",
            "Name of the fleet in the store, in lowercase letters, digits and hyphens. Fleets with different tags can share a store."
        ),
        .durationOrAuto(
            "fleet.revocation-bound", \.fleet.revocationBound, .seconds(2)...hour,
            "Maximum time for which a server that has lost the store serves a token that another server has revoked. auto for the longest TTL plus server.default-call-timeout."
        ),
        .choice(
            "fleet.acknowledge", \.fleet.acknowledgement,
            "When a revocation is acknowledged: log once the store has it and this server has read it back, or fleet once every server of the fleet has applied it."
        ),
        .text("fleet.user", \.fleet.user, "User of the store's ACL. Empty for the default user."),
        .text("fleet.password-file", \.fleet.passwordFile, "Path to a file with the user's password. Empty for none."),
        .text(
            "fleet.ca-file", \.fleet.caFile,
            "Path to a PEM file with the authorities that sign the store's certificate. Empty for the system's."),
        .text(
            "fleet.sentinel-primary", \.fleet.sentinelPrimary,
            "Name by which Sentinels know the primary. Then fleet.store has the Sentinels. Empty for no Sentinel."),
        .flag(
            "fleet.allow-plaintext", \.fleet.allowsPlaintext,
            "Whether fleet.store may be redis:// beyond loopback. Anyone on the network path can then read the store's password and hold back revocations."
        ),
        .duration(
            "fleet.command-timeout", \.fleet.commandTimeout, .milliseconds(1)...second,
            "Maximum time of a command that a call waits for. Then the call goes on without the store."),
    ]

    private static let second = Duration.seconds(1)
}
