internal import DoormanPlatform
internal import NIOConcurrencyHelpers
internal import NIOSSL
internal import NIOSSLExtras

/// The TLS context of a client's connections. It is reloaded when its files have changed.
final class ClientTLS: Sendable {
    /// The attributes of a file that change when the file is replaced or written.
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

    /// A TLS context, and the error of the last reload.
    struct Current: Sendable {
        let context: NIOSSLContext
        /// The reason why changed files are not used; `nil` if they are, and if the reason is that of the last time.
        let reloadError: String?
    }

    private struct State {
        var context: NIOSSLContext?
        /// The fingerprints of the files of ``context``.
        var fingerprints: [Fingerprint?]?
        /// The reason why the last reading failed; `nil` if it succeeded. Files that can't be used are read again for each connection: their
        /// permissions may change, or descriptors may be free again.
        var failure: String?
    }

    let tls: DoormanTLS
    private let state = NIOLockedValueBox(State())

    init(_ tls: DoormanTLS) {
        self.tls = tls
    }

    /// Returns the TLS context for a new connection. It reads files, so it must not run on an event loop.
    func current() throws(ConnectFailure) -> Current {
        let result = state.withLockedValue { state -> Result<Current, ConnectFailure> in
            let fingerprints = tls.files.map(Fingerprint.init(path:))
            var reloadError: String?
            if state.context == nil || state.fingerprints != fingerprints {
                do throws(DoormanTLS.Unusable) {
                    state.context = try tls.makeContext()
                    state.fingerprints = fingerprints
                    state.failure = nil
                } catch {
                    if state.failure != error.description { reloadError = error.description }
                    state.failure = error.description
                }
            } else {
                // The files are again those of the context.
                state.failure = nil
            }
            guard let context = state.context else { return .failure(.unusableTLS(state.failure ?? "")) }
            return .success(Current(context: context, reloadError: reloadError))
        }
        return try result.get()
    }

    /// Returns the name that a server's certificate must have.
    func serverName(of server: Server) -> ServerName {
        tls.expectedName(at: server.target)
    }
}
