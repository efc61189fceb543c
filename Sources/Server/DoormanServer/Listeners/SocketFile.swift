private import Glibc

/// A Unix socket that is bound, and its file. Bound here rather than by NIO, which takes whatever lies at the path away, both
/// before it binds and after it closes: a server that lives, and a successor's file.
struct SocketFile: Sendable, Equatable {
    /// Why a path can't be listened on.
    enum Failure: Error, CustomStringConvertible {
        case inUse
        case pathTooLong
        case system(call: String, errno: Int32)

        var description: String {
            switch self {
            case .inUse: "somebody listens there already"
            case .pathTooLong: "the path is longer than the 107 bytes that unix(7) allows"
            case .system(let call, let errno): "\(call) failed: errno \(errno)"
            }
        }
    }

    private let path: String
    // What is at the path later may be another's: the inode tells.
    private let device: UInt
    private let inode: UInt

    /// Binds a socket, in place of a file that a killed server left.
    ///
    /// - Parameter mode: The file's permissions. At no moment are they wider.
    /// - Returns: The file, and the socket's descriptor, which the caller owns.
    /// - Throws: ``Failure``; nothing is left open then.
    static func bind(_ path: String, mode: UInt32) throws(Failure) -> (file: SocketFile, descriptor: Int32) {
        if try isAnswered(path) { throw .inUse }
        if SocketFile(at: path) != nil { unsafe unlink(path) }
        let descriptor = try openSocket()
        // Linux gives the file what the socket has, less the umask, so that it is never open to more than it should be. What the
        // umask took is then given back; nobody can connect before listen(2) anyway.
        guard fchmod(descriptor, mode) == 0,
            unsafe try withAddress(of: path, { unsafe Glibc.bind(descriptor, $0, $1) }) == 0,
            unsafe chmod(path, mode) == 0, let file = SocketFile(at: path)
        else {
            let error = errno
            close(descriptor)
            throw .system(call: "bind", errno: error)
        }
        return (file, descriptor)
    }

    /// Removes the file once nobody listens on it, so that the next client gets a clear "no such file".
    func removeIfStillThere() {
        if SocketFile(at: path) == self { unsafe unlink(path) }
    }

    /// Nil if no socket's file is there.
    private init?(at path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        self.path = path
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
    }

    /// Whether somebody listens at the path. A full backlog (`EAGAIN`) is somebody's, too.
    private static func isAnswered(_ path: String) throws(Failure) -> Bool {
        let descriptor = try openSocket()
        defer { close(descriptor) }
        return unsafe try withAddress(of: path) { address, length in
            unsafe connect(descriptor, address, length) == 0 || errno == EAGAIN
        }
    }

    private static func openSocket() throws(Failure) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", errno: errno) }
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
