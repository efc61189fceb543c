private import DoormanPlatform

/// Writes the results of a program.
package enum StandardOutput {
    /// A text that could not be written whole.
    package struct Failure: Error, CustomStringConvertible {
        /// Whether the reader is gone, such as `head` after its last line.
        package let isClosed: Bool
        package let description: String
    }

    /// Writes a text and a newline. `print` hides errors, such as those of a full disk.
    package static func write(_ text: String) throws(Failure) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe systemWrite(1, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var request = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&request, 1, -1)
            } else if errno != EINTR {
                let (isClosed, cause) = (errno == EPIPE, FileAccessError(errno: errno).cause)
                throw Failure(isClosed: isClosed, description: "cannot write to standard output: \(cause)")
            }
        }
    }

    /// Writes an error. Failures are ignored, because there is no place left to report them.
    package static func writeError(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe systemWrite(2, bytes, bytes.count)
    }
}

// Inside the type, its own functions hide the system's name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
