private import DoormanPlatform

/// The process's streams and environment: all system calls of this program, and its only unsafe code.
enum StandardStreams {
    /// Writes the whole text to standard output.
    ///
    /// - Throws: ``OutputError`` if a part of it was not written. A result that is lost must not look like a success.
    static func write(_ text: String) throws(OutputError) {
        if let code = write(text, descriptor: 1) { throw OutputError(errno: code) }
    }

    /// Writes the whole text to standard error. Failures are ignored, because there is no place left to report them.
    static func writeError(_ text: String) {
        _ = write(text, descriptor: 2)
    }

    /// Ends the program by a signal, so that a shell sees the cause: SIGPIPE for a closed pipe, SIGINT for Ctrl-C. SwiftNIO ignores
    /// SIGPIPE, and threads of the cooperative pool block most signals.
    static func end(bySignal number: Int32) {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, number)
        signal(number, SIG_DFL)
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(number)
    }

    static var inputIsTerminal: Bool { isatty(0) == 1 }
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// The size of the terminal at standard output. The size of most terminals if it is unknown.
    static var screenSize: (rows: Int, columns: Int) {
        var size = winsize()
        guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else { return (24, 80) }
        return (Int(size.ws_row), Int(size.ws_col))
    }

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

    /// The whole environment, as `NAME=value`.
    static var wholeEnvironment: [String] {
        var variables: [String] = []
        var next = unsafe environ
        while let variable = unsafe next.pointee {
            unsafe variables.append(String(cString: variable))
            unsafe next += 1
        }
        return variables
    }

    /// - Returns: The system's error code; `nil` if the whole text was written.
    private static func write(_ text: String, descriptor: Int32) -> Int32? {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // At once, because releasing memory may change it.
            guard count > 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return nil
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
