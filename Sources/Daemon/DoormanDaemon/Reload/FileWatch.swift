private import Glibc

/// Detects by polling when files have changed and are stable again. Before that they may be half written.
///
/// Polling replaces inotify(7), which does not see changes that another machine makes behind a mount. It also misses some changes of
/// symbolic links, by which Kubernetes updates a secret.
struct FileWatch: Sendable {
    /// The state that the last reload read, whether it was applied or failed.
    private var reloaded: FileFingerprint
    /// The state at the last check.
    private var lastSeen: FileFingerprint

    init(_ fingerprint: FileFingerprint) {
        reloaded = fingerprint
        lastSeen = fingerprint
    }

    /// Records the current state of the files.
    ///
    /// - Returns: Whether a reload is due: the state differs from the last reload's, and has not changed since the last check.
    mutating func check(_ now: FileFingerprint) -> Bool {
        defer { lastSeen = now }
        return now != reloaded && now == lastSeen
    }

    /// Records the state that a reload read.
    ///
    /// - Parameter fingerprint: The state, or `nil` if the files kept changing during the reload.
    mutating func didReload(_ fingerprint: FileFingerprint?) {
        guard let fingerprint else { return }
        reloaded = fingerprint
        lastSeen = fingerprint
    }
}

/// The state of some files, compared without reading them. Links are followed: a new target of a link is a change, whether the link is
/// the file itself or a folder of its path.
struct FileFingerprint: Sendable, Hashable {
    /// The state of an existing file. See stat(2).
    private struct FileState: Sendable, Hashable {
        let device: UInt
        let inode: UInt
        let size: Int
        let modified: FileTime
        /// The last change of contents or inode. Programs cannot set this time.
        let changed: FileTime
    }

    private struct FileTime: Sendable, Hashable {
        let seconds: Int
        let nanoseconds: Int

        init(_ time: timespec) {
            seconds = time.tv_sec
            nanoseconds = time.tv_nsec
        }
    }

    private let paths: Set<String>
    /// The states by path. A path without a file has none.
    private let states: [String: FileState]

    private init(paths: Set<String>, states: [String: FileState]) {
        self.paths = paths
        self.states = states
    }

    init(of paths: Set<String>) {
        let states = paths.compactMap { path in Self.state(of: path).map { (path, $0) } }
        self.init(paths: paths, states: Dictionary(uniqueKeysWithValues: states))
    }

    /// Returns the fingerprint of the given files only, as of the same moment.
    func limited(to paths: Set<String>) -> FileFingerprint {
        FileFingerprint(paths: self.paths.intersection(paths), states: states.filter { paths.contains($0.key) })
    }

    private static func state(of path: String) -> FileState? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return FileState(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            modified: FileTime(status.st_mtim), changed: FileTime(status.st_ctim))
    }
}
