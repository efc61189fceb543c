private import CProcess
private import DoormanPlatform

/// The process's streams and environment: all system calls of this program, and its only unsafe code.
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

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Prevents core dumps of this process, which holds tokens, and reads of its memory by other processes of its user.
    static func preventCoreDumps() {
        _ = set_dumpable(0)
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

// Inside the type, its own functions hide the system's names.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    unsafe read(descriptor, bytes, count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
