internal import DoormanFiles
internal import Logging

extension DoormandSettings {
    /// Logs a warning for each file with a secret or private key that other users than its owner have permissions for.
    func warnAboutSecretFiles(_ logger: Logger) {
        for (setting, path) in secretFiles {
            guard let mode = RegularFile.permissionsOfOthers(path) else { continue }
            logger.warning(
                "other users have permissions for a file with a secret: restrict it with chmod 600",
                metadata: ["setting": "\(setting)", "mode": "\(Units.write(mode: mode))"])
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
