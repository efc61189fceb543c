private import DoormanPlatform

/// A file that cannot be read or written. The error does not hold the path, which may be a secret in the wrong place.
package struct FileAccessError: Error, Sendable, Hashable {
    /// The cause in words, such as `no such file or directory`.
    package let cause: String

    package init(cause: String) {
        self.cause = cause
    }

    /// - Parameter errno: The system's error code. See errno(3).
    package init(errno: Int32) {
        let text = unsafe String(cString: strerror(errno))
        cause = text.prefix(1).lowercased() + text.dropFirst()
    }

    static let notRegular = FileAccessError(cause: "it is not a regular file")
}
