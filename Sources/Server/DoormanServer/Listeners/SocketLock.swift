internal import DoormanSupport
private import Glibc

/// A lock on the path of a Unix socket, in a file beside it. The holder may bind the path, listen, and remove the socket's file.
///
/// Between bind and listen a socket refuses connections, as does the file of a killed server. Without the lock, a second server that
/// starts in that moment would remove the file of the first.
struct SocketLock: Sendable {
    /// The error of a lock that can't be taken.
    enum Failure: Error, CustomStringConvertible {
        case held
        case notALockFile
        /// - Parameter folder: The folder of the socket and the lock file.
        case system(folder: String, errno: Int32)

        var description: String {
            switch self {
            case .held: "another process is about to listen on this path"
            case .notALockFile: "the path with .lock must be free, and a file that is not empty is there"
            case .system(let folder, let errno):
                "the lock file beside it can't be opened: \(unsafe String(cString: strerror(errno))); "
                    + Self.nextStep(after: errno, in: folder)
            }
        }

        /// Returns the next step after an error with a file of the socket.
        static func nextStep(after errno: Int32, in folder: String) -> String {
            let name = EchoedText.path(folder).map { "the folder \($0)" } ?? "its folder"
            return switch errno {
            case ENOENT, ENOTDIR: "create \(name), or choose another server.unix-socket"
            case EMFILE: "raise ulimit -n"
            case EACCES, EPERM, EROFS: "let the server's user write into \(name), or choose another server.unix-socket"
            default: "check \(name), or choose another server.unix-socket"
            }
        }
    }

    /// The folder of a path.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The maximum number of lock files that other processes remove while this process opens them.
    private static let maximumAttempts = 100

    private let path: String
    private let descriptor: Int32

    /// Takes the lock without waiting.
    ///
    /// - Throws: ``Failure``, for example if another process holds the lock. Then no descriptor stays open.
    init(forSocketAt socket: String) throws(Failure) {
        path = socket + ".lock"
        let folder = Self.folder(of: socket)
        for _ in 0..<Self.maximumAttempts {
            let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .system(folder: folder, errno: errno) }
            do throws(Failure) {
                if try Self.lock(descriptor, path, in: folder) {
                    self.descriptor = descriptor
                    return
                }
            } catch {
                close(descriptor)
                throw error
            }
            close(descriptor)
        }
        throw .held
    }

    /// Removes the lock file and releases the lock.
    func release() {
        unsafe unlink(path)
        close(descriptor)
    }

    /// - Returns: Whether the locked file is still at the path. Its former holder may have removed it.
    private static func lock(_ descriptor: Int32, _ path: String, in folder: String) throws(Failure) -> Bool {
        var opened = stat()
        guard unsafe fstat(descriptor, &opened) == 0 else { throw .system(folder: folder, errno: errno) }
        guard opened.st_mode & S_IFMT == S_IFREG, opened.st_size == 0 else { throw .notALockFile }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK ? .held : .system(folder: folder, errno: errno)
        }
        var current = stat()
        return unsafe lstat(path, &current) == 0 && current.st_dev == opened.st_dev && current.st_ino == opened.st_ino
    }
}
