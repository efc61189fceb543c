private import Glibc

/// Writes text to a pipe, terminal or file.
package enum DescriptorOutput {
    /// The maximum bytes of one write. A pipe that is ready takes as many without blocking. See pipe(7), `PIPE_BUF`.
    private static let chunk = 4096
    /// The time between two attempts on a descriptor that claims to be ready and is not, in microseconds.
    private static let pause: useconds_t = 10_000

    /// Writes an error of the program, and does not wait longer than half a second for a reader.
    package static func writeError(_ text: String) {
        write(text, to: 2, timeout: .milliseconds(500))
    }

    /// Writes the whole text. Waits for a reader; gives up after an error, such as `EPIPE` for a reader that is gone, or `ENOSPC`.
    ///
    /// - Parameter timeout: The maximum time for each part of the text. By default there is no maximum.
    /// - Returns: The part that could not be written. Empty if the whole text is written.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32, timeout: Duration? = nil) -> ArraySlice<UInt8> {
        var rest = Array(text.utf8)[...]
        let milliseconds = timeout.map { Int32(clamping: Int64($0 / .milliseconds(1))) } ?? -1
        while !rest.isEmpty {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let ready = unsafe poll(&request, 1, milliseconds)
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else { return rest }
            let count = unsafe rest.prefix(chunk).withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                usleep(pause)
            } else if errno != EINTR {
                return rest
            }
        }
        return rest
    }
}

// Inside the type, its own functions hide the system's name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
