/// The subchannels of one server, whose connections are of equal worth to a call. Confined to its client's event loop.
final class Siblings {
    /// The one whose connection collects calls. Not weak: what is referred to weakly has its references counted the slow way ever after.
    private var collecting: Subchannel?

    /// Where a call goes that `chosen` was chosen for: there, unless the calls that another one got in this turn of the loop have not been
    /// written yet. Then it joins them. A server that is sent the same calls over many connections, a few on each, has many times the
    /// work with its sockets, and so has the client.
    func collect(in chosen: Subchannel) -> Subchannel {
        if let collecting, collecting.isReady, collecting.hasRoom, let current = collecting.current, current.unwritten > 0 {
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
