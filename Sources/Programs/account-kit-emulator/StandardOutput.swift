internal import DoormanFiles
private import Glibc

/// The program's standard output.
enum StandardOutput {
    /// Output that cannot be written, such as to a full disk.
    struct Failure: Error, CustomStringConvertible {
        let cause: String

        var description: String { "cannot write to standard output: \(cause)" }
    }

    /// Writes the whole text. A result that is lost must not look like a success.
    static func write(_ text: String) throws(Failure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe systemWrite(1, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Failure(cause: FileAccessError(errno: errno).cause) }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes an error. Failures are ignored, because there is no place left to report them.
    static func writeError(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe systemWrite(2, bytes, bytes.count)
    }
}

// Inside the type, its own functions hide the system's name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
