extension EmulatorSettings {
    /// The limits of an HTTP/2 connection. A peer that exceeds a limit gets `GOAWAY` and the end of the connection.
    ///
    /// NIO has no limit on the entries of a SETTINGS frame: ``frameBytes`` and ``controlFramesPerSecond`` bound them.
    package struct HTTP2Limits: Sendable, Hashable {
        /// Maximum concurrent streams. Default 1024. NIO ends the connection of a peer that opens more, and refuses no single stream.
        package var streams = 1024
        /// Maximum bytes of a request's header list. Each field counts 32 bytes more than its name and value (RFC 9113, section 6.5.2).
        /// Default 32 KiB.
        package var headerListBytes = 32_768
        /// Maximum bytes of a frame's payload, 16,384 to 16,777,215. Default 16,384, the smallest maximum (RFC 9113, section 6.5.2).
        package var frameBytes = 16_384
        /// Maximum CONTINUATION frames of a header list (CVE-2024-27316). Default 5.
        package var continuations = 5
        /// Maximum PING, SETTINGS and PRIORITY frames per second. Default 1,000, because gRPC's clients measure their bandwidth with
        /// PING frames. NIO's default of 200 in 30 s ends the connections of such a client when it is busy.
        package var controlFramesPerSecond = 1000
        /// Maximum unsent responses to PING and SETTINGS frames, for a peer that does not read. Default 1,000.
        package var unsentControlFrames = 1000
        /// Maximum DATA frames without data in sequence (CVE-2019-9518). Default 1.
        package var emptyDataFrames = 1
        /// Maximum frames of a connection that break the rules of their stream. Default 200.
        package var streamErrors = 200

        /// Maximum `RST_STREAM` frames per second (CVE-2023-44487): five for each concurrent stream. A client that cancels calls because
        /// of faults stays below it.
        package var resetsPerSecond: Int { 5 * streams }

        package init() {}
    }
}
