/// The subchannels of one server. A call may use any of them. Confined to the client's event loop.
final class SubchannelGroup {
    let log: ServerLog
    /// The subchannel that collects calls. The reference is not weak, because weak references slow down an object's reference counting.
    private var collecting: Subchannel?

    init(_ log: ServerLog) {
        self.log = log
    }

    /// Returns the subchannel for a call: `chosen`, unless another subchannel has unwritten calls from this turn of the loop. The call then
    /// joins these. A few calls on each of many connections need many times the socket operations, in the server and the client.
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
