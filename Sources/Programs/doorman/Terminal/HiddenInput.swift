private import DoormanPlatform

/// Reads a secret that a user types or pastes at a terminal, and does not show it.
///
/// The terminal gives each byte at once. In its usual mode, Linux cuts a line after 4,095 bytes, and Ctrl-C would end the program before
/// the terminal shows input again.
struct HiddenInput {
    enum Event: Equatable {
        case more
        case line([UInt8])
        /// The user has pressed Ctrl-C or a key like it.
        case interrupted
    }

    private let limit: Int
    private var bytes: [UInt8] = []

    /// - Parameter limit: The maximum length of the secret in bytes. Further bytes are dropped, but for one that shows that it is too long.
    init(limit: Int) {
        self.limit = limit
    }

    /// Takes one byte from the terminal. Backspace and Ctrl-U edit the line, and Ctrl-D ends it.
    mutating func take(_ byte: UInt8) -> Event {
        switch byte {
        case 0x0a, 0x0d, 0x04: return .line(bytes)
        case 0x03, 0x1c: return .interrupted
        case 0x08, 0x7f: bytes = bytes.dropLast()
        case 0x15: bytes = []
        case 0x00..<0x20: break
        default: if bytes.count <= limit { bytes.append(byte) }
        }
        return .more
    }

    /// Asks for a secret, and returns its bytes. Returns `nil` if the terminal cannot be read.
    ///
    /// - Parameter name: The name of the secret, such as `token`.
    static func ask(for name: String, atMost limit: Int) -> [UInt8]? {
        var settings = termios()
        guard unsafe tcgetattr(0, &settings) == 0 else { return nil }
        unsafe savedSettings = settings
        settings.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        let signals = [SIGTERM, SIGHUP, SIGINT]
        for number in signals { signal(number, restoreAndEnd) }
        defer { for number in signals { signal(number, SIG_DFL) } }
        guard unsafe tcsetattr(0, TCSAFLUSH, &settings) == 0 else { return nil }
        StandardStreams.writeError("\(name.prefix(1).uppercased() + name.dropFirst()) (not shown): ")
        let bytes = HiddenInput(limit: limit).read()
        restore()
        StandardStreams.writeError("\n")
        if bytes == nil { StandardStreams.end(bySignal: SIGINT) }
        return bytes
    }

    /// Reads to the end of the line. Returns `nil` if the user interrupts it.
    private func read() -> [UInt8]? {
        var input = self
        while let chunk = StandardStreams.readMoreInput(), !chunk.isEmpty {
            for byte in chunk {
                switch input.take(byte) {
                case .more: continue
                case .line(let bytes): return bytes
                case .interrupted: return nil
                }
            }
        }
        return input.bytes
    }
}

/// The terminal's settings before the first question. A signal handler can read no other state.
nonisolated(unsafe) private var savedSettings = termios()

private func restore() {
    _ = unsafe tcsetattr(0, TCSANOW, &savedSettings)
}

/// A signal handler. It calls only functions that signal-safety(7) allows.
private func restoreAndEnd(_ number: Int32) {
    restore()
    signal(number, SIG_DFL)
    raise(number)
}
