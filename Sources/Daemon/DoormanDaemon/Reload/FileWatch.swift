private import Glibc

/// Finds out by repeated looks when files have changed and come to rest. Before that they may be half written.
///
/// It does not use inotify(7), which neither sees what another machine changes behind a mount, nor reliably a link that is turned,
/// by which Kubernetes changes a secret.
struct FileWatch: Sendable {
    /// The state that the last reload saw, applied or failed.
    private var taken: FileFingerprint
    /// The state that the last look saw.
    private var seen: FileFingerprint

    init(_ fingerprint: FileFingerprint) {
        taken = fingerprint
        seen = fingerprint
    }

    /// Notes the present state of the files.
    ///
    /// - Returns: Whether the state differs from the last reload's, and equals the last look's.
    mutating func look(_ now: FileFingerprint) -> Bool {
        defer { seen = now }
        return now != taken && now == seen
    }

    /// Notes the state that a reload saw; `nil` if the files went on changing.
    mutating func take(_ fingerprint: FileFingerprint?) {
        guard let fingerprint else { return }
        taken = fingerprint
        seen = fingerprint
    }
}

/// The state of some files, told from another without reading them. Links are followed: a link that is turned to another target is a
/// change, be it the file itself or a folder on the way.
struct FileFingerprint: Sendable, Hashable {
    /// The state of a file that is there. See stat(2).
    private struct Mark: Sendable, Hashable {
        let device: UInt
        let inode: UInt
        let size: Int
        let modified: Moment
        /// The last change of contents or inode, which no program can set.
        let changed: Moment
    }

    private struct Moment: Sendable, Hashable {
        let seconds: Int
        let nanoseconds: Int

        init(_ time: timespec) {
            seconds = time.tv_sec
            nanoseconds = time.tv_nsec
        }
    }

    private let paths: Set<String>
    /// The marks of the paths that have a file.
    private let marks: [String: Mark]

    private init(paths: Set<String>, marks: [String: Mark]) {
        self.paths = paths
        self.marks = marks
    }

    init(of paths: Set<String>) {
        let marks = paths.compactMap { path in Self.mark(path).map { (path, $0) } }
        self.init(paths: paths, marks: Dictionary(uniqueKeysWithValues: marks))
    }

    /// Returns the state of the given files only, at the same moment.
    func limited(to paths: Set<String>) -> FileFingerprint {
        FileFingerprint(paths: self.paths.intersection(paths), marks: marks.filter { paths.contains($0.key) })
    }

    private static func mark(_ path: String) -> Mark? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Mark(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            modified: Moment(status.st_mtim), changed: Moment(status.st_ctim))
    }
}
