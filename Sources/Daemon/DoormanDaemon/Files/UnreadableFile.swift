internal import DoormanFiles
internal import DoormanSupport
internal import Foundation

/// A setting's file that can't be read, in words.
enum UnreadableFile {
    /// Returns the problem: the setting, the path and the cause.
    ///
    /// - Parameters:
    ///   - path: The path. It is shown only if it is absolute. See ``EchoedText/path(_:)``.
    ///   - folder: The folder from which a relative path was resolved; `nil` for the working directory, and a path that stayed relative.
    static func problem(of setting: String, _ path: String, in folder: String? = nil, _ error: FileAccessError) -> String {
        "\(setting): cannot read \(name(path, in: folder)): \(error.cause)"
    }

    /// Returns the path in parentheses for the end of a message, or empty text if it may be a secret.
    static func suffix(_ path: String) -> String { EchoedText.path(path).map { " (\($0))" } ?? "" }

    private static func name(_ path: String, in folder: String?) -> String {
        if let folder, path.hasPrefix(folder + "/") { return "the file, whose path is relative to \(EchoedText.shown(folder))" }
        if let path = EchoedText.path(path) { return path }
        guard !path.hasPrefix("/") else { return "the file" }
        return "the file, whose path is relative to \(EchoedText.shown(FileManager.default.currentDirectoryPath))"
    }
}
