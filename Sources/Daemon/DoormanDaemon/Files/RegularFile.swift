internal import Foundation
private import Glibc

/// Reads regular files only. Foundation would wait for a pipe without end, and it leaks a buffer of 4 KiB for an empty file.
enum RegularFile {
    /// Returns the contents of the file. Symbolic links are followed.
    static func read(_ path: String) throws(FileReadError) -> Data {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw FileReadError(errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileReadError(cause: "it is not a regular file") }
        guard status.st_size > 0 else { return Data() }
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw FileReadError(error)
        }
    }
}

/// A file that cannot be read. The error does not hold the path, which may be a secret in the wrong place.
struct FileReadError: Error {
    /// The cause in words, such as `no such file or directory`.
    let cause: String

    init(cause: String) {
        self.cause = cause
    }

    /// - Parameter errno: The system's error code. See errno(3).
    init(errno: Int32) {
        let text = unsafe String(cString: strerror(errno))
        cause = text.prefix(1).lowercased() + text.dropFirst()
    }

    /// - Parameter error: An error of Foundation.
    fileprivate init(_ error: any Error) {
        guard let code = ((error as? CocoaError)?.underlying as? POSIXError)?.code else {
            self.init(cause: "check that it is there and readable")
            return
        }
        self.init(errno: code.rawValue)
    }
}
