/// The phases of a server's life. None comes back.
package enum ServerPhase: Sendable, Hashable {
    /// Not all listeners are open yet.
    case starting
    /// All listeners are open.
    case serving
    /// The listeners are closed, and new calls are turned down.
    case draining
}
