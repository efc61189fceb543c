internal import DoormanFiles
private import Glibc
internal import NIOCore
internal import NIOPosix

/// A listener that can't be opened.
package struct CannotListen: Error, CustomStringConvertible {
    /// The address or path, as the settings have it. A path that may be a secret in the wrong place is left out.
    package let address: String
    /// The setting to change.
    package let setting: String
    package let cause: any Error

    package init(address: String, setting: String, cause: any Error) {
        self.address = address
        self.setting = setting
        self.cause = cause
    }

    /// The failure, its cause and the next step in one sentence.
    package var description: String { "cannot listen on \(address): \(explanation)" }

    private var explanation: String {
        switch cause {
        case let error as IOError:
            let cause = FileAccessError(errno: error.errnoCode).cause
            return nextStep(after: error.errnoCode).map { "\(cause): \($0)" } ?? cause
        case is SocketAddressError, is SocketAddressError.UnknownHost, is NIOConnectionError:
            return "the host name could not be resolved: check \(setting)"
        default: return "\(cause)"
        }
    }

    private func nextStep(after errno: Int32) -> String? {
        switch errno {
        case EADDRINUSE: "another process listens there; stop it, or choose another \(setting)"
        case EADDRNOTAVAIL: "no network interface of this machine has the address; check \(setting)"
        case EACCES, EPERM: "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose another port in \(setting)"
        case EAFNOSUPPORT: "this machine has no such address family; choose another \(setting)"
        default: nil
        }
    }
}
