private import Glibc

/// A small file for a script to read, whole or not there at all.
enum TextFile {
    /// Puts a new file in the place of what is there.
    ///
    /// - Parameter mode: Who may do what with the file, from its first byte on.
    static func write(_ text: String, to path: String, mode: UInt32) throws(FileError) {
        let draft = "\(path).\(getpid())"
        let file = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else { throw FileError(path: path) }
        let bytes = Array(text.utf8)
        // As few bytes as these are written at once or not at all.
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        guard fchmod(file, mode) == 0, close(file) == 0, written == bytes.count, unsafe rename(draft, path) == 0 else {
            let error = FileError(path: path)
            unsafe unlink(draft)
            throw error
        }
    }
}

/// A file that can't be written.
struct FileError: Error, CustomStringConvertible {
    let path: String
    let reason: String

    /// With the reason in `errno`.
    init(path: String) {
        self.path = path
        reason = unsafe String(cString: strerror(errno))
    }

    var description: String { "\(path): can't be written: \(reason)" }
}
