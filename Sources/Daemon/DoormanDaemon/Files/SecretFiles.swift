internal import DoormanFiles
internal import Logging

extension DoormandSettings {
    /// Logs a warning for each file with an app secret or private key that other users than its owner have permissions for.
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
        var files = [("tls.private-key-file", tls.key)]
        if applicationsFile.isEmpty {
            files += [("account-kit.app-secret-file", appSecretFile), ("account-kit.next-app-secret-file", nextAppSecretFile)]
        } else {
            let entries = (try? ApplicationsFile(applicationsFile, apiVersion: apiVersion))?.entries ?? []
            files += entries.flatMap {
                [($0.keyPrefix + $0.secretKey, $0.secretFile), ($0.keyPrefix + $0.nextSecretKey, $0.nextSecretFile)]
            }
        }
        return files.filter { !$0.1.isEmpty }
    }
}
