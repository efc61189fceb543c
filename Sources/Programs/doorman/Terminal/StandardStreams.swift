private import DoormanPlatform

/// The process's streams, files and environment: all system calls of this program, and its only unsafe code.
enum StandardStreams {
    enum Output: Int32 {
        case output = 1
        case error = 2
    }

    /// Writes the whole text. Errors are ignored: the reader may have closed the pipe.
    static func write(_ text: String, to output: Output) {
        _ = write(text, descriptor: output.rawValue)
    }

    static var inputIsTerminal: Bool { isatty(0) == 1 }
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// Reads standard input to its end. Returns `nil` if it cannot be read.
    static func readInput(atMost limit: Int) -> [UInt8]? {
        read(descriptor: 0, atMost: limit)
    }

    /// Waits for the next bytes of standard input and returns them. Returns no bytes at its end, and `nil` if it cannot be read.
    static func readMoreInput() -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe systemRead(0, &chunk, chunk.count)
            if count >= 0 { return Array(chunk[..<count]) }
            guard errno == EINTR else { return nil }
        }
    }

    /// Returns at most `limit` bytes of a file.
    static func read(file path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileAccessError(errno: errno) }
        defer { close(descriptor) }
        guard let bytes = read(descriptor: descriptor, atMost: limit) else { throw FileAccessError(errno: errno) }
        return bytes
    }

    /// Replaces the contents of a file. A new file is readable for everyone.
    static func write(_ text: String, file path: String) throws(FileAccessError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileAccessError(errno: errno) }
        defer { close(descriptor) }
        guard write(text, descriptor: descriptor) else { throw FileAccessError(errno: errno) }
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    private static func write(_ text: String, descriptor: Int32) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func read(descriptor: Int32, atMost limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < limit {
            let count = unsafe systemRead(descriptor, &chunk, min(chunk.count, limit - bytes.count))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}

/// A file that cannot be read or written.
struct FileAccessError: Error {
    /// The cause in words, such as `permission denied`.
    let cause: String

    /// - Parameter errno: The system's error code. See errno(3).
    init(errno: Int32) {
        let text = unsafe String(cString: strerror(errno))
        cause = text.prefix(1).lowercased() + text.dropFirst()
    }
}

// Inside the type, its own functions hide the system's names.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    unsafe read(descriptor, bytes, count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
