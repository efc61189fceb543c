internal import Foundation
private import Glibc

/// Reads files that are files: of a directory Foundation's reader loses a buffer, and from a pipe it would wait without end.
enum RegularFile {
    /// - Throws: If there is no regular file at the path, behind links as may be, or it can't be read.
    static func read(_ path: String) throws -> Data {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw CocoaError(.fileReadUnknown) }
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }
}
