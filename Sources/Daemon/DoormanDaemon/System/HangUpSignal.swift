private import Glibc

/// SIGHUP, by which an operator asks for a reload, and by which a terminal that closes would end the process.
package enum HangUpSignal {
    /// Has it do nothing, until somebody listens for it or after that. See signal(7).
    package static func ignore() {
        signal(SIGHUP, SIG_IGN)
    }
}
