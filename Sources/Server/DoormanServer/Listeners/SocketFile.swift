private import Glibc

/// A bound Unix socket and its file. NIO would unlink any file at the path before bind and after close: that of a running server,
/// or of a successor.
package struct SocketFile: Sendable, Equatable {
    /// The error of a path that can't be bound.
    enum Failure: Error, CustomStringConvertible {
        case inUse
        case notASocket
        case pathTooLong
        /// - Parameter folder: The folder of the socket.
        case system(call: String, folder: String, errno: Int32)

        /// The failure, its cause and the next step.
        var description: String {
            switch self {
            case .inUse: "another process already listens on this path; stop it, or choose another server.unix-socket"
            case .notASocket:
                "the path must be free or a socket, and another file is there; remove the file, or choose another "
                    + "server.unix-socket"
            case .pathTooLong: "the path exceeds the 107 bytes that unix(7) allows; choose a shorter server.unix-socket"
            case .system(let call, let folder, let errno):
                "\(call) failed: \(unsafe String(cString: strerror(errno))); "
                    + SocketLock.Failure.nextStep(after: errno, in: folder)
            }
        }
    }

    private let path: String
    // The inode tells whether a file at the path is still the socket's own.
    private let device: UInt
    private let inode: UInt

    /// Binds a socket. It replaces the file of a server that was killed.
    ///
    /// - Parameter mode: The file's permissions. They are never wider, not even during the call.
    /// - Returns: The file and the socket's descriptor. The caller owns the descriptor.
    /// - Throws: ``Failure``. Then no descriptor stays open.
    static func bind(_ path: String, mode: UInt32) throws(Failure) -> (file: SocketFile, descriptor: Int32) {
        try check(path)
        if try isInUse(path) { throw .inUse }
        if SocketFile(at: path) != nil { unsafe unlink(path) }
        let descriptor = try openSocket(for: path)
        // Linux creates the file with the socket's mode less the umask, so that it is never wider than `mode`. chmod(2) restores
        // the bits that the umask removed; no client can connect before listen(2).
        guard fchmod(descriptor, mode) == 0,
            unsafe try withAddress(of: path, { unsafe Glibc.bind(descriptor, $0, $1) }) == 0,
            unsafe chmod(path, mode) == 0, let file = SocketFile(at: path)
        else {
            let error = errno
            close(descriptor)
            throw .system(call: "bind", folder: SocketLock.folder(of: path), errno: error)
        }
        return (file, descriptor)
    }

    /// Returns the problem with a path that a server could not bind, without binding it. Returns `nil` if none is known.
    package static func problem(with path: String) -> String? {
        do throws(Failure) {
            try check(path)
            return nil
        } catch {
            return error.description
        }
    }

    /// Returns the problem with the folder of a path, in which this process must create files. Returns `nil` if it can.
    package static func problem(withFolderOf path: String) -> String? {
        let folder = SocketLock.folder(of: path)
        guard unsafe access(folder, W_OK | X_OK) != 0 else { return nil }
        return SocketLock.Failure.system(folder: folder, errno: errno).description
    }

    /// Removes the socket's own file, so that the next client gets a clear "no such file". Keeps the file of a successor, also of
    /// a successor that binds the path at this moment.
    func removeIfOwned() {
        guard let lock = try? SocketLock(forSocketAt: path) else { return }
        defer { lock.release() }
        if SocketFile(at: path) == self { unsafe unlink(path) }
    }

    private static func check(_ path: String) throws(Failure) {
        unsafe try withAddress(of: path) { _, _ in }
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket }
    }

    /// Returns `nil` if there is no socket file at the path.
    private init?(at path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        self.path = path
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
    }

    /// Returns whether a process has a socket at the path. Only a refused connection proves that none has: a full backlog
    /// (`EAGAIN`) has a listener, and so has a socket of another type (`EPROTOTYPE`), such as that of the system's log.
    private static func isInUse(_ path: String) throws(Failure) -> Bool {
        let descriptor = try openSocket(for: path)
        defer { close(descriptor) }
        let error = unsafe try withAddress(of: path) { address, length in
            unsafe connect(descriptor, address, length) == 0 ? 0 : errno
        }
        switch error {
        case 0, EAGAIN, EPROTOTYPE: return true
        case ECONNREFUSED, ENOENT: return false
        default: throw .system(call: "connect", folder: SocketLock.folder(of: path), errno: error)
        }
    }

    private static func openSocket(for path: String) throws(Failure) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        let error = errno
        guard descriptor >= 0 else { throw .system(call: "socket", folder: SocketLock.folder(of: path), errno: error) }
        return descriptor
    }

    private static func withAddress<Result>(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws(Failure) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw .pathTooLong }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
