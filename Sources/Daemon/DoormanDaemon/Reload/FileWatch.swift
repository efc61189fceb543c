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
