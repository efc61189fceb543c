internal import DoormanFiles

/// Reads a secret from its file. Secrets come from files only: other users can see arguments and environments.
enum SecretFile {
    /// A file with a secret, and the setting that names it.
    struct Named: Sendable, Hashable {
        let setting: String
        let path: String
    }

    /// The longest secret is a private key.
    private static let maximumBytes = 16 << 10

    /// Returns the secret in the file.
    ///
    /// - Parameters:
    ///   - path: The path of a file that holds the secret, with at most one line break at its end: LF, or CR LF as Windows writes it.
    ///   - folder: The folder from which a relative path was resolved; `nil` for the working directory.
    ///   - setting: The setting that names the path.
    /// - Throws: ``ConfigurationError`` that names the setting. It does not repeat the file's text, nor a relative path, which may be the
    ///   secret in the wrong place.
    static func read(_ path: String, in folder: String?, for setting: String) throws(ConfigurationError) -> String {
        // A path that was resolved from a folder may be a secret in the wrong place.
        let suffix = folder == nil ? UnreadableFile.suffix(path) : ""
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(path, limit: maximumBytes)
        } catch {
            throw ConfigurationError(problems: [UnreadableFile.problem(of: setting, path, in: folder, error)])
        }
        guard bytes.count <= maximumBytes, var text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(problems: [
                "\(setting): the file must hold the secret and nothing else, in UTF-8 and at most \(maximumBytes) bytes"
                    + suffix
            ])
        }
        // CR LF is one character.
        if text.hasSuffix("\n") || text.hasSuffix("\r\n") { text.removeLast() }
        guard !text.isEmpty else {
            throw ConfigurationError(problems: ["\(setting): the file is empty: write the secret into it\(suffix)"])
        }
        return text
    }
}
