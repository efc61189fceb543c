import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import Logging
import NIOPosix
import TestKit

/// Runs a server with the HTTP API on a free port while `body` runs.
func withHTTPServer(
    _ provider: ScriptedProvider = .byToken(), _ configuration: ReloadableHTTPConfiguration = ReloadableHTTPConfiguration(),
    tls: ServerTLS? = nil,
    settings change: (inout ServerSettings) -> Void = { _ in },
    _ body: (_ server: DoormanServer, _ port: Int) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.tcp = .init(host: "127.0.0.1", port: 0)
    settings.connection.drainQuietPeriod = .milliseconds(50)
    settings.connectionsPerCaller = 1
    settings.callsInFlightPerCaller = 1
    change(&settings)
    let log = LogRecorder()
    let server = DoormanServer(
        settings: settings, backend: ScriptedBackend.test(provider), tls: tls,
        endpoints: [.http1: HTTP1Endpoint(configuration)],
        group: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test", factory: { _ in log }))
    try await server.start()
    do {
        try await body(server, server.addresses.compactMap(\.port).first ?? 0)
    } catch {
        provider.release()
        await server.stop()
        throw error
    }
    provider.release()
    await server.stop()
}

/// A response that came over a socket.
struct SocketResponse: Equatable {
    var status = 0
    /// The names are in lower case.
    var headers: [String: String] = [:]
    var body = ""
}

extension RawPeer {
    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Reads one response.
    ///
    /// - Parameter hasBody: `false` for the response to HEAD.
    func readResponse(hasBody: Bool = true) async throws -> SocketResponse {
        var head: [UInt8] = []
        while !head.ends(with: "\r\n\r\n") { head += try await read(exactly: 1) }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var response = SocketResponse()
        guard let line = lines.first, line.hasPrefix("HTTP/1.1 "), let status = Int(line.dropFirst(9).prefix(3)) else {
            throw NeverHappened(description: "a malformed response")
        }
        response.status = status
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let before = response.headers.updateValue(
                String(parts[1].drop { $0 == " " }), forKey: parts[0].lowercased())
            if before != nil { throw NeverHappened(description: "a header twice: \(parts[0])") }
        }
        let length = Int(response.headers["content-length"] ?? "") ?? 0
        if hasBody { response.body = String(decoding: try await read(exactly: length), as: UTF8.self) }
        return response
    }
}

extension Array where Element == UInt8 {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}

extension DoormanServer {
    /// Returns how many connections were closed for this reason.
    func closed(_ reason: String) async -> UInt64 { await counters().connectionsClosed[reason] ?? 0 }
}
