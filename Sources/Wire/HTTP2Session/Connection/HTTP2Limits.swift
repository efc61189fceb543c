/// The bounds of one connection: all that a peer can make grow.
///
/// The number of concurrent streams bounds most of it. Each stream holds one list of headers, one body, and one response.
package struct HTTP2Limits: Sendable {
    /// Maximum size of a request's headers in bytes, with 32 for each header (RFC 9113 section 6.5.2). A token of 16 KiB fits.
    package var headerListSize: Int = 32 << 10
    /// Maximum concurrent streams. Streams above it are refused.
    package var concurrentStreams: Int = 1024
    /// The flow-control window of each stream in bytes. A body of the usual size with its framing fits, so it arrives without a stall.
    package var streamWindow: Int
    /// The flow-control window of the connection in bytes: the maximum size of all bodies that are held, until their responses. Bodies
    /// of up to a third of it arrive.
    package var connectionWindow: Int
    /// Maximum size of the headers of all requests whose body has not arrived, in bytes.
    package var incompleteHeaderBytes: Int = 1 << 20
    /// The same for all connections of a pool of stream objects. Above it, requests are refused on the connections that hold more than
    /// ``fairIncompleteHeaderBytes``: a peer with many connections could fill the memory, and must not keep others from making requests.
    package var sharedIncompleteHeaderBytes: Int = 32 << 20
    /// The part of ``sharedIncompleteHeaderBytes`` that each connection may hold in any case: some requests of the usual size.
    package var fairIncompleteHeaderBytes: Int = 16 << 10
    /// Maximum size of the headers of all requests without a response, in bytes: 8 KiB for each concurrent stream.
    package var heldHeaderBytes: Int = 8 << 20
    /// Maximum unsent acknowledgements of SETTINGS and PING. Clients of gRPC send a PING for each bandwidth probe.
    package var outboundAcknowledgements: Int = 1000
    /// Maximum entries of a SETTINGS frame. RFC 9113 defines six.
    package var settingsEntries: Int = 32
    /// Maximum CONTINUATION frames of a list of headers. A list of the maximum size takes two.
    package var continuations: Int = 8
    /// Maximum size of the HPACK table of each direction in bytes. This is the size that a connection begins with.
    package var headerTableSize: Int = 4096

    /// - Parameter bodySize: Maximum size of a body in bytes. Default 64 KiB, with a window of 1 MiB for the connection.
    package init(bodySize: Int = 64 << 10) {
        streamWindow = min(bodySize, 1 << 20) + Self.framing
        connectionWindow = max(1 << 20, 3 * bodySize)
    }

    /// The bytes of a stream's window that are not for the body.
    static let framing = 4 << 10

    /// The size of incomplete bodies above which the youngest is refused.
    ///
    /// Bodies whose ends have not arrived can fill the window, so that none of the ends can arrive. nghttp2 announces freed bytes only
    /// once they are half of the window, so a part of the other half must stay free.
    var incompleteBodyBytes: Int { connectionWindow / 2 - 4 * Self.releasedBytesAtOnce }

    /// The number of freed bytes from which nghttp2 is told of them.
    static let releasedBytesAtOnce = 16 << 10
}
