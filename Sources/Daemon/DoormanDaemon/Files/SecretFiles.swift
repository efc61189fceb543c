internal import DoormanFiles

extension DoormandSettings {
    /// Warnings about files with a secret or private key that other users than their owner have permissions for.
    var secretFileWarnings: [SettingsWarning] {
        secretFiles.compactMap { setting, path in
            RegularFile.permissionsOfOthers(path).map { mode in
                SettingsWarning(
                    message: "other users have permissions for a file with a secret: restrict it with chmod 600",
                    values: ["setting": setting, "mode": Units.write(mode: mode)])
            }
        }
    }

    /// The settings that name files with secrets, and the files' paths.
    private var secretFiles: [(setting: String, path: String)] {
        let entries = (try? providerEntries()) ?? []
        let files =
            [
                ("tls.private-key-file", tls.key), (IntrospectionClientsFile.setting, introspectionClientsFile),
                ("fleet.secret-file", fleet.secretFile), ("fleet.password-file", fleet.passwordFile),
            ]
            + entries.flatMap(\.secretFiles).map { ($0.setting, $0.path) }
        return files.filter { !$0.1.isEmpty }
    }
}
