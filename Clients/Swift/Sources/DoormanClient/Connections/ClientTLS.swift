internal import DoormanPlatform
internal import NIOConcurrencyHelpers
internal import NIOSSL

/// The TLS context of a client's connections, which is reloaded when its files have changed.
final class ClientTLS: Sendable {
    /// What tells one version of a file from another.
    private struct Fingerprint: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let seconds: Int64
        let nanoseconds: Int64

        init?(path: String) {
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            #if canImport(Darwin)
                (seconds, nanoseconds) = (Int64(status.st_mtimespec.tv_sec), Int64(status.st_mtimespec.tv_nsec))
            #else
                (seconds, nanoseconds) = (Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec))
            #endif
        }
    }

    /// A context, and what may have to be said about it.
    struct Current: Sendable {
        let context: NIOSSLContext
        /// Why the newest files are not used, the first time that this is so.
        let complaint: String?
    }

    private struct State {
        var context: NIOSSLContext?
        /// Of the files that were read last, whether or not they were of use.
        var fingerprints: [Fingerprint?]?
        var failure: String?
    }

    let tls: DoormanTLS
    private let state = NIOLockedValueBox(State())

    init(_ tls: DoormanTLS) {
        self.tls = tls
    }

    /// What a new connection uses. Reads files, so not for event loops.
    func current() throws(ConnectFailure) -> Current {
        let result = state.withLockedValue { state -> Result<Current, ConnectFailure> in
            let fingerprints = tls.files.map(Fingerprint.init(path:))
            var complaint: String?
            if state.fingerprints != fingerprints {
                state.fingerprints = fingerprints
                do throws(DoormanTLS.Unusable) {
                    state.context = try tls.makeContext()
                    state.failure = nil
                } catch {
                    state.failure = error.description
                    complaint = error.description
                }
            }
            guard let context = state.context else { return .failure(.unusableTLS(state.failure ?? "")) }
            return .success(Current(context: context, complaint: complaint))
        }
        return try result.get()
    }

    /// The name that a server's certificate must hold; nil: its address.
    func serverName(of server: Server) -> String? {
        tls.expectedName(at: server.target)
    }
}
