internal import AccountKit
internal import Foundation
private import Glibc

/// Reads an app secret from its file. Secrets come from files alone: other users see arguments and environments.
enum AppSecretFile {
    /// - Parameters:
    ///   - path: Path of a file that holds the secret and, at most, one line break behind it.
    ///   - setting: The setting that names the path.
    /// - Throws: ``ConfigurationError`` that names the setting. It repeats neither the file's text nor the path, which may be a secret
    ///   that was put there by mistake.
    static func read(_ path: String, for setting: String) throws(ConfigurationError) -> AppSecret {
        let data: Data
        do {
            data = try RegularFile.read(path)
        } catch {
            throw ConfigurationError(problems: ["\(setting): the file that it names can't be read"])
        }
        guard data.count <= 4096, var text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(problems: ["\(setting): the file that it names does not hold a line of text"])
        }
        if text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else {
            throw ConfigurationError(problems: ["\(setting): the file that it names is empty"])
        }
        return AppSecret(text)
    }
}

/// Reads regular files only: Foundation would wait for a pipe without end, and it leaks a buffer of 4 KiB for an empty file.
enum RegularFile {
    /// - Throws: If there is no regular file at the path, or at the end of its links, or it can't be read.
    static func read(_ path: String) throws -> Data {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw CocoaError(.fileReadUnknown) }
        guard status.st_size > 0 else { return Data() }
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }
}
