/// Why the store has not executed a command, or may not have.
package enum StoreError: Error, Sendable, Hashable {
    /// There is no connection. The text says why, and holds no secret.
    case unavailable(String)
    /// The deadline has passed, or the connection was lost before the reply: the store may execute the command, or may have done so.
    case timedOut
    /// Too many commands wait for their replies. The command was not sent.
    case busy
    /// The store's memory is full. Nothing was written.
    case full
    /// The store refused the command. Nothing was written. The text is the code of its reply, as in `NOPERM`.
    case refused(String)
    /// The reply has a form that the command can't have.
    case malformed

    /// The cause for people, in a log line or after a sentence about the store.
    package var cause: String {
        switch self {
        case .unavailable(let cause): cause
        case .timedOut: "does not answer in time"
        case .busy: "has too many commands to answer"
        case .full: "has no memory left"
        case .refused(let code): "refuses a command (\(code))"
        case .malformed: "sends a reply of the wrong form"
        }
    }
}
