private import DoormanPlatform

/// The process's streams, files and environment: the few system calls of this program, and its only unsafe code.
enum StandardStreams {
    enum Output: Int32 {
        case output = 1
        case error = 2
    }

    /// Writes all of it. A reader that went away is not our trouble.
    static func write(_ text: String, to output: Output) {
        _ = write(text, descriptor: output.rawValue)
    }

    static var inputIsTerminal: Bool { isatty(0) == 1 }
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// - Returns: Nil if it can't be read.
    static func readInput(atMost limit: Int) -> [UInt8]? {
        read(descriptor: 0, atMost: limit)
    }

    /// What standard input has now, waiting for it.
    ///
    /// - Returns: Nothing at its end, nil if it can't be read.
    static func readMoreInput() -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe systemRead(0, &chunk, chunk.count)
            if count >= 0 { return Array(chunk[..<count]) }
            guard errno == EINTR else { return nil }
        }
    }

    /// - Returns: Nil if it can't be read.
    static func read(file path: String, atMost limit: Int) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor: descriptor, atMost: limit)
    }

    /// Writes a file that anybody may read, in place of what it was.
    ///
    /// - Returns: Whether that was possible.
    static func write(_ text: String, file path: String) -> Bool {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(text, descriptor: descriptor)
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

// Inside the type the names of these are taken by its own functions.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    unsafe read(descriptor, bytes, count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
