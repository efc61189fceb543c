private import Glibc

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
