private import Glibc

/// Says when files that change have come to rest, by looking again and again: only then are they whole, as far as anybody can
/// tell who does not write them.
///
/// Looking rather than inotify(7): that sees neither what another machine changes behind a mount, nor reliably a link that is
/// turned, which is how Kubernetes changes a secret.
struct FileWatch: Sendable {
    /// What the last reload saw, whatever came of it.
    private var taken: FileFingerprint
    /// What the last look saw.
    private var seen: FileFingerprint

    init(_ fingerprint: FileFingerprint) {
        taken = fingerprint
        seen = fingerprint
    }

    /// Notes what the files look like now.
    ///
    /// - Returns: Whether they are other than the last reload saw, and the same as at the last look.
    mutating func look(_ now: FileFingerprint) -> Bool {
        defer { seen = now }
        return now != taken && now == seen
    }

    /// Notes what a reload was made of; nil if it could not be told.
    mutating func take(_ fingerprint: FileFingerprint?) {
        guard let fingerprint else { return }
        taken = fingerprint
        seen = fingerprint
    }
}

/// What tells one state of some files from another without reading them. Links are followed to what they lead to now, so one
/// that is turned elsewhere is a change, be it of the file itself or of a folder on the way.
struct FileFingerprint: Sendable, Hashable {
    /// See stat(2). Nil where there is nothing.
    private struct Mark: Sendable, Hashable {
        let device: UInt
        let inode: UInt
        let size: Int
        let modified: Moment
        /// The contents' or the inode's own last change, which no program can set.
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

    private let marks: [String: Mark?]

    private init(marks: [String: Mark?]) {
        self.marks = marks
    }

    init(of paths: Set<String>) {
        marks = Dictionary(uniqueKeysWithValues: paths.map { ($0, Self.mark($0)) })
    }

    /// The same moment's, of these files alone.
    func limited(to paths: Set<String>) -> FileFingerprint {
        FileFingerprint(marks: marks.filter { paths.contains($0.key) })
    }

    private static func mark(_ path: String) -> Mark? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Mark(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            modified: Moment(status.st_mtim), changed: Moment(status.st_ctim))
    }
}
