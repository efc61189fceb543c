internal import Foundation
private import Glibc

/// Reads files that are files: from a pipe Foundation would wait without end, and of an empty file it loses a buffer of 4 KiB.
enum RegularFile {
    /// - Throws: If there is no regular file at the path, behind links as may be, or it can't be read.
    static func read(_ path: String) throws -> Data {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw CocoaError(.fileReadUnknown) }
        guard status.st_size > 0 else { return Data() }
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }
}
