private import Glibc
internal import Logging
internal import NIOConcurrencyHelpers

/// Tells the service manager the state of this process, as sd_notify(3) describes. Without a service manager it does nothing.
///
/// It is our own, because libsystemd would be one more library to link, package and patch, for a datagram of a few lines.
final class ServiceNotifier: Sendable {
    /// The maximum time that a notification waits for a service manager that does not read.
    private static let timeout = timeval(tv_sec: 1, tv_usec: 0)

    /// The path of the socket. It begins with `@` for an abstract socket, see unix(7). `nil` without a service manager.
    private let socketPath: String?
    private let logger: Logger
    /// Whether the last notification failed. A service manager that went away has one log line, not one per sign of life.
    private let hasFailed = NIOLockedValueBox(false)
    private let isListening = NIOLockedValueBox(false)

    init(socket: String?, logger: Logger) {
        socketPath = socket
        self.logger = logger
    }

    /// Reports that the server accepts connections.
    func listening(_ status: String) {
        isListening.withLockedValue { $0 = true }
        send(["READY=1", Self.line(status)])
    }

    /// Reports the end of a reload. One that ends before the server listens is no matter of the service manager.
    func reloaded(_ status: String) {
        if isListening.withLockedValue({ $0 }) { send(["READY=1", Self.line(status)]) }
    }

    /// Reports the beginning of a reload. ``reloaded(_:)`` ends it.
    func reloading() {
        guard isListening.withLockedValue({ $0 }) else { return }
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        send([
            "RELOADING=1", "MONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)", Self.line("reloading the settings"),
        ])
    }

    /// Reports that the server drains.
    func stopping() { send(["STOPPING=1", Self.line("draining")]) }

    /// Sends a sign of life for the watchdog.
    func alive() { send(["WATCHDOG=1"]) }

    /// Returns the variable of a status, which is one line.
    private static func line(_ status: String) -> String {
        "STATUS="
            + String(String.UnicodeScalarView(status.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }

    private func send(_ variables: [String]) {
        guard let socketPath else { return }
        let problem = Self.problem(ofSending: variables.joined(separator: "\n"), to: socketPath)
        let isNew = hasFailed.withLockedValue { hasFailed in
            defer { hasFailed = problem != nil }
            return !hasFailed
        }
        guard let problem, isNew else { return }
        logger.error("the service manager can't be notified: check NOTIFY_SOCKET", metadata: ["cause": "\(problem)"])
    }

    /// Sends a datagram.
    ///
    /// - Returns: The cause if the datagram was not sent.
    private static func problem(ofSending text: String, to path: String) -> String? {
        guard path.hasPrefix("/") || path.hasPrefix("@") else { return "it is neither an absolute path nor an abstract socket" }
        var bytes = Array(path.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return "the path is too long" }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        // The zero that ends a path would be a part of an abstract name.
        let length = MemoryLayout<sa_family_t>.size + bytes.count

        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return unsafe String(cString: strerror(errno)) }
        defer { close(descriptor) }
        unsafe withUnsafePointer(to: timeout) {
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, $0, socklen_t(MemoryLayout<timeval>.size))
        }
        let message = Array(text.utf8)
        let sent = unsafe withUnsafePointer(to: address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
        return sent == message.count ? nil : unsafe String(cString: strerror(errno))
    }
}
