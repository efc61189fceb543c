private import Glibc

/// Writes small files for scripts.
enum TextFile {
    /// Replaces a file atomically.
    ///
    /// - Parameters:
    ///   - text: At most a few hundred bytes, which are written with one system call.
    ///   - mode: The permissions of the file, which hold before its first byte is written.
    static func write(_ text: String, to path: String, mode: UInt32) throws(FileError) {
        let draft = "\(path).\(getpid())"
        let file = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else { throw FileError(path: path) }
        let bytes = Array(text.utf8)
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        guard fchmod(file, mode) == 0, close(file) == 0, written == bytes.count, unsafe rename(draft, path) == 0 else {
            let error = FileError(path: path)
            unsafe unlink(draft)
            throw error
        }
    }
}

/// A file that cannot be written.
struct FileError: Error, CustomStringConvertible {
    let path: String
    let cause: String

    /// Takes the cause from `errno`.
    init(path: String) {
        self.path = path
        let text = unsafe String(cString: strerror(errno))
        cause = text.prefix(1).lowercased() + text.dropFirst()
    }

    var description: String { "cannot write \(path): \(cause)" }
}
