internal import FuzzKit
private import Glibc

/// A folder of this process for text that is read from files. It is in `TMPDIR`, which Scripts/fuzz keeps in memory and removes.
struct ScratchFolder {
    private let path: String

    /// Creates the folder with a file `secret`, which a file of providers may name.
    init() {
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        path = "\(parent)/doorman-fuzz-\(getpid())"
        require(unsafe mkdir(path, 0o700) == 0 || errno == EEXIST, "\(parent) can be written to")
        _ = self.write(Array("0123456789abcdef\(Writing.secret)".utf8), to: "secret")
    }

    /// - Returns: The file's path.
    func write(_ bytes: [UInt8], to name: String) -> String {
        let file = "\(path)/\(name)"
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        require(descriptor >= 0, "\(file) can be written")
        defer { close(descriptor) }
        require(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count, "\(file) is written whole")
        return file
    }
}
