internal import AccountKit
internal import Foundation

/// Reads an app secret from its file. Secrets come from files alone: arguments and environments are seen by others.
enum AppSecretFile {
    /// - Parameter path: A file that holds the secret and, at most, one line break behind it.
    /// - Throws: ``BadSettings`` that names the file and never what it holds.
    static func read(_ path: String) throws(BadSettings) -> AppSecret {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw BadSettings(problems: ["account-kit.app-secret-file: \(path) can't be read"])
        }
        guard data.count <= 4096, var text = String(data: data, encoding: .utf8) else {
            throw BadSettings(problems: ["account-kit.app-secret-file: \(path) does not hold a line of text"])
        }
        if text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else {
            throw BadSettings(problems: ["account-kit.app-secret-file: \(path) is empty"])
        }
        return AppSecret(text)
    }
}
