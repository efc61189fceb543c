private import CProcess

/// The core dumps of this process, which would hold app secrets, private keys and tokens. See prctl(2), `PR_SET_DUMPABLE`.
package enum CoreDumps {
    /// Prevents core dumps, and reads of this process's memory by other processes of its user, such as debuggers.
    package static func prevent() {
        _ = set_dumpable(0)
    }

    /// Allows core dumps and debuggers again.
    package static func allow() {
        _ = set_dumpable(1)
    }
}
