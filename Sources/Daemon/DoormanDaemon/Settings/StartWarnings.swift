internal import DoormanCore
internal import DoormanFiles
internal import DoormanServer

// The one list of what the log warns about at the start, and what `--check-config` prints.

extension DoormandSettings {
    /// Returns all warnings about these settings, their files and the process.
    ///
    /// - Parameters:
    ///   - isOpenToTheNetwork: Whether other machines may be able to connect.
    ///   - descriptorLimit: The maximum open files and sockets of the process.
    ///   - now: The time at which the validity of certificates is checked.
    func startWarnings(
        providers: [ConfiguredProvider], isOpenToTheNetwork: Bool, descriptorLimit: Int, now: Timestamp
    ) -> [SettingsWarning] {
        descriptorWarnings(limit: descriptorLimit) + listenerWarnings(isOpenToTheNetwork: isOpenToTheNetwork) + dangerWarnings
            + certificateWarnings(now)
            + warnings(applications: providers.count, now: now) + providers.flatMap(\.warnings)
    }

    private func descriptorWarnings(limit: Int) -> [SettingsWarning] {
        // 64 are for listeners, logs, event loops and libraries.
        let needed = server.maximumConnections + 2 * transport.maximumConnections + 64
        guard limit < needed else { return [] }
        return [
            SettingsWarning(
                message: "file descriptors may run out: raise the limit, or lower server.max-connections or "
                    + "provider.max-connections",
                values: ["limit": "\(limit)", "needed": "\(needed)"])
        ]
    }

    private func listenerWarnings(isOpenToTheNetwork: Bool) -> [SettingsWarning] {
        var warnings: [SettingsWarning] = []
        if server.allowsPlaintextFromNetwork, !tls.isTLS {
            warnings.append(
                SettingsWarning(
                    message: "server.allow-plaintext-from-network is on: anyone on the network path can read tokens and forge "
                        + "responses"))
        }
        if tls.isTLS, tls.clientAuthorities.isEmpty, isOpenToTheNetwork {
            warnings.append(
                SettingsWarning(message: "TLS is on without tls.client-ca-file: every machine that reaches the server can call it"))
        }
        if !unixSocket.isEmpty, !passedFamilies.contains(.unix), let problem = SocketFile.problem(withFolderOf: unixSocket) {
            warnings.append(
                SettingsWarning(
                    message: "server.unix-socket: the server can't listen there unless the folder exists and its user may write "
                        + "to it",
                    values: ["cause": problem]))
        }
        return warnings
    }

    private var dangerWarnings: [SettingsWarning] {
        var warnings: [SettingsWarning] = []
        if allowsCoreDumps {
            warnings.append(
                SettingsWarning(message: "process.core-dumps is on: a core dump shows app secrets, private keys and tokens"))
        }
        if admin.allowsNetwork {
            warnings.append(
                SettingsWarning(message: "admin.allow-network is on: every machine that reaches the admin pages can read them"))
        }
        return warnings
    }

    private func certificateWarnings(_ now: Timestamp) -> [SettingsWarning] {
        let loaded = (try? tls.load(now: now)) ?? nil
        return (loaded?.warnings ?? []).map(SettingsWarning.certificate)
    }

    /// Warnings about authorities that have expired: every certificate that they issued is refused.
    func authorityWarnings(_ now: Timestamp) -> [SettingsWarning] {
        [AuthorityFile(setting: "provider.ca-file", path: caFile), AuthorityFile(setting: "fleet.ca-file", path: fleet.caFile)]
            .flatMap { file -> [SettingsWarning] in
                guard let bytes = (try? file.read()) ?? nil else { return [] }
                let warnings = ServerTLS.validityWarnings(ofPEM: bytes, setting: file.setting, now: now)
                return warnings.prefix(Self.maximumAuthorityWarnings).map(SettingsWarning.certificate)
            }
    }

    private static let maximumAuthorityWarnings = 10
}

extension SettingsWarning {
    fileprivate static func certificate(_ text: String) -> SettingsWarning {
        SettingsWarning(message: "a TLS certificate is outside its validity period", values: ["certificate": text])
    }
}

extension ConfiguredProvider {
    fileprivate var warnings: [SettingsWarning] {
        var messages: [String] = []
        if isOnThisMachine { messages.append("the provider's URL is http:// on this machine: use it with an emulator only") }
        if acceptsAnswersWithoutApplication {
            messages.append(
                "accept-answers-without-application is on: the proof is the only guard against tokens of other applications")
        }
        if !hasSecret {
            messages.append(
                "no app secret is set: no proof is sent, and codes can't be exchanged; set the application's secret file")
        }
        return messages.map { SettingsWarning(message: $0, values: ["provider": name, "application": applicationID]) }
    }
}
