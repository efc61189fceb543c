private import Glibc
internal import Logging

/// The process's service manager, such as systemd, as environment variables describe it: a socket for notifications, a watchdog, and
/// listening sockets. See sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3).
package struct SystemdEnvironment: Sendable {
    /// The values of the variables by name. Without any, there is no service manager.
    private let variables: [String: String]
    private let processID: Int32

    private static let names = [
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
    ]

    /// - Parameters:
    ///   - variables: The variables of the service manager. None by default.
    ///   - processID: The id of this process.
    init(variables: [String: String] = [:], processID: Int32 = getpid()) {
        self.variables = variables
        self.processID = processID
    }

    /// Reads the variables and removes them, so that no child process takes them for its own. Call it before the process has threads: the
    /// environment has no lock.
    package static func takeFromEnvironment() -> SystemdEnvironment {
        var variables: [String: String] = [:]
        for name in names {
            guard let value = unsafe getenv(name) else { continue }
            variables[name] = unsafe String(cString: value)
            unsafe unsetenv(name)
        }
        return SystemdEnvironment(variables: variables)
    }

    /// The sockets that the service manager passed.
    var passedSockets: PassedSockets {
        PassedSockets(
            processID: variables["LISTEN_PID"].flatMap { Int32($0) }, count: variables["LISTEN_FDS"].flatMap { Int32($0) },
            names: variables["LISTEN_FDNAMES"], ownProcessID: processID)
    }

    /// The time after which the service manager ends a process that has sent no sign of life. `nil` without a watchdog for this process.
    var watchdogTimeout: Duration? {
        guard let timeout = variables["WATCHDOG_USEC"].flatMap({ Int64($0) }), timeout > 0 else { return nil }
        if let watched = variables["WATCHDOG_PID"], watched != "\(processID)" { return nil }
        return .microseconds(timeout)
    }

    func makeNotifier(_ logger: Logger) -> ServiceNotifier { ServiceNotifier(socket: variables["NOTIFY_SOCKET"], logger: logger) }
}
