private import DoormanPlatform

/// A file that a program writes, at a path from its command line or settings. A wrong path costs no data: the program replaces only a
/// file that holds what the program itself writes there.
package struct OutputFile: Sendable {
    /// The kind of text that a program writes into a file.
    package struct Contents: Sendable {
        /// The contents in messages, such as `a port number`.
        let name: String
        /// The length of the longest file of this kind, in bytes.
        let maximumBytes: Int
        /// Returns whether a file's text is of this kind. It gets at most one byte more than the maximum.
        let matches: @Sendable ([UInt8]) -> Bool

        package init(name: String, maximumBytes: Int, matches: @escaping @Sendable ([UInt8]) -> Bool) {
            self.name = name
            self.maximumBytes = maximumBytes
            self.matches = matches
        }

        /// A TCP port: decimal digits, and one newline at most.
        package static let port = Contents(name: "a port number", maximumBytes: 6) { bytes in
            let digits = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
            guard digits.first != UInt8(ascii: "0"), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
            return UInt16(String(decoding: digits, as: UTF8.self)) != nil
        }
    }

    private let path: String
    private let contents: Contents
    private let mode: UInt32

    /// - Parameters:
    ///   - path: The path of the file, which may not exist yet.
    ///   - mode: The permissions of the file, less the umask. They hold before its first byte is written.
    package init(_ path: String, holding contents: Contents, mode: UInt32 = 0o644) {
        self.path = path
        self.contents = contents
        self.mode = mode
    }

    /// Checks that the file can be written: its folder is writable, and there is no file yet, or one that a program may replace.
    package func check() throws(FileAccessError) {
        guard unsafe access(folder, W_OK | X_OK) == 0 else {
            throw FileAccessError(cause: "cannot write into the file's folder: \(FileAccessError(errno: errno).cause)")
        }
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw FileAccessError(errno: errno) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileAccessError(cause: "the path must be free or a file with \(contents.name), and it is not a regular file")
        }
        let bytes = try RegularFile.read(path, limit: contents.maximumBytes, flags: O_NOFOLLOW)
        guard bytes.count <= contents.maximumBytes, contents.matches(bytes) else {
            throw FileAccessError(cause: "the file holds something else than \(contents.name): name another file, or remove it")
        }
    }

    /// Writes a new file beside the path and renames it, so that readers see either no text or all of it.
    ///
    /// - Returns: The written file, for its removal.
    package func write(_ text: String) throws(FileAccessError) -> WrittenFile {
        try check()
        // The numbers of processes repeat: in a container, every server has the same.
        let draft = "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36))"
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(mode))
        guard descriptor >= 0 else { throw FileAccessError(errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard Self.write(Array(text.utf8), to: descriptor), unsafe fstat(descriptor, &status) == 0,
            unsafe rename(draft, path) == 0
        else {
            let error = FileAccessError(errno: errno)
            unsafe unlink(draft)
            throw error
        }
        return WrittenFile(path: path, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    private var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

/// A file that this process has written.
package struct WrittenFile: Sendable {
    fileprivate let path: String
    fileprivate let device: UInt64
    fileprivate let inode: UInt64

    /// Removes the file, unless another file stands at its path by now, such as that of a successor.
    package func removeIfOwned() {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, UInt64(status.st_dev) == device, UInt64(status.st_ino) == inode else { return }
        unsafe unlink(path)
    }
}

// Inside the type, its own functions hide the system's name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
