private import DoormanPlatform

/// Reads regular files only, and never more than a limit. A pipe or a device would block a start or a reload, or never end.
package enum RegularFile {
    /// The size of one read. Settings and certificates are mostly smaller.
    private static let chunk = 16 << 10

    /// Returns the contents of the file, and the first byte beyond the limit if the file is longer. Symbolic links are followed.
    ///
    /// The size that the file system reports is not used: a file may grow meanwhile, and files of proc(5) report none.
    ///
    /// - Parameter limit: The maximum length of the file in bytes, which the caller checks.
    package static func read(_ path: String, limit: Int) throws(FileAccessError) -> [UInt8] {
        try read(path, limit: limit, flags: 0)
    }

    /// Returns whether other users than the owner and this process's have any permission for the file. See chmod(1).
    ///
    /// - Returns: The permissions if others have any. `nil` if they have none, or if there is no regular file.
    package static func permissionsOfOthers(_ path: String) -> UInt32? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0 else { return nil }
        if let list = AccessControlList(of: path), !list.admitsOthers { return nil }
        return UInt32(status.st_mode & 0o777)
    }

    /// - Parameter flags: Further flags of open(2).
    static func read(_ path: String, limit: Int, flags: Int32) throws(FileAccessError) -> [UInt8] {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags)
        guard descriptor >= 0 else { throw FileAccessError(errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw FileAccessError(errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: chunk)
        while bytes.count <= limit {
            let count = unsafe systemRead(descriptor, &part, min(part.count, limit + 1 - bytes.count))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileAccessError(errno: errno) }
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return bytes
    }
}

// Inside the type, its own functions hide the system's name.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    unsafe read(descriptor, bytes, count)
}
