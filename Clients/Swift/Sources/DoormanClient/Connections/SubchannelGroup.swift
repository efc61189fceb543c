/// The subchannels of one server. A call may use any of them. Confined to the client's event loop.
final class SubchannelGroup {
    /// The subchannel whose connection collects calls. Not weak: an object with weak references has slower reference counting from then on.
    private var collecting: Subchannel?

    /// Returns the subchannel for a call: `chosen`, unless another one has calls from this turn of the loop that are not written yet. The
    /// call then joins those. A few calls on each of many connections are many times the work with sockets, for the server and the client.
    func collect(in chosen: Subchannel) -> Subchannel {
        if let collecting, collecting.isReady, collecting.hasCapacity, let current = collecting.current, current.unwritten > 0 {
            return collecting
        }
        collecting = chosen
        return chosen
    }

    /// The subchannel has ended.
    func forget(_ ended: Subchannel) {
        if collecting === ended { collecting = nil }
    }
}
