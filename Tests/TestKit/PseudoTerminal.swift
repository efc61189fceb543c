private import Glibc
private import NIOConcurrencyHelpers

/// A terminal of 24 lines of 80 characters, for tests of programs that ask or draw. See pty(7).
package final class PseudoTerminal: Sendable {
    private let controller: Int32
    /// The end for the program.
    let descriptor: Int32
    private let received = NIOLockedValueBox<[UInt8]>([])

    package init() throws {
        var (controller, descriptor) = (Int32(-1), Int32(-1))
        var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
        guard unsafe openpty(&controller, &descriptor, nil, nil, &size) == 0, fcntl(controller, F_SETFL, O_NONBLOCK) == 0 else {
            throw NeverHappened(description: "no pseudo-terminal: errno \(errno)")
        }
        for end in [controller, descriptor] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (self.controller, self.descriptor) = (controller, descriptor)
    }

    deinit {
        close(controller)
        close(descriptor)
    }

    /// Types a text, such as `\u{3}` for Ctrl-C.
    package func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe write(controller, bytes, bytes.count)
    }

    /// All that the terminal has received so far.
    package var output: String {
        received.withLockedValue { received in
            var part = [UInt8](repeating: 0, count: 1 << 12)
            while case let count = unsafe read(controller, &part, part.count), count > 0 { received += part.prefix(count) }
            return String(decoding: received, as: UTF8.self)
        }
    }

    /// Whether the terminal shows what is typed.
    package var showsInput: Bool {
        var settings = termios()
        return unsafe tcgetattr(descriptor, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }
}
