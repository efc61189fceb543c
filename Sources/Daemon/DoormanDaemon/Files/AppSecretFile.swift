internal import AccountKit
internal import DoormanFiles

/// Reads an app secret from its file. Secrets come from files only: other users can see arguments and environments.
enum AppSecretFile {
    private static let maximumBytes = 4096

    /// Returns the secret in the file.
    ///
    /// - Parameters:
    ///   - path: The path of a file that holds the secret, with at most one newline at its end.
    ///   - setting: The setting that names the path.
    /// - Throws: ``ConfigurationError`` that names the setting. It repeats neither the file's text nor the path: either may be a secret
    ///   in the wrong place.
    static func read(_ path: String, for setting: String) throws(ConfigurationError) -> AppSecret {
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(path, limit: maximumBytes)
        } catch {
            throw ConfigurationError(problems: ["\(setting): cannot read the file: \(error.cause)"])
        }
        guard bytes.count <= maximumBytes, var text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(problems: [
                "\(setting): the file must hold the secret and nothing else, in UTF-8 and at most \(maximumBytes) bytes"
            ])
        }
        if text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else {
            throw ConfigurationError(problems: ["\(setting): the file is empty: write the app secret into it"])
        }
        return AppSecret(text)
    }
}
