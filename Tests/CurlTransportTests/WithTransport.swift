import CurlTransport
import ProviderHTTP
import Testing

/// Runs the body with a server and a transport, and ends both.
func withServer(
    _ server: ScriptedServer, _ configure: (inout CurlTransport.Settings) -> Void = { _ in },
    _ body: (CurlTransport, ScriptedServer) async throws -> Void
) async throws {
    var settings = CurlTransport.Settings()
    // Long enough for a busy machine. A test of a limit sets its own.
    settings.connectTimeout = .seconds(20)
    settings.requestTimeout = .seconds(30)
    configure(&settings)
    let transport = try CurlTransport(settings)
    defer {
        transport.shutdown()
        server.stop()
    }
    try await body(transport, server)
}

extension CurlTransport {
    /// Sends a repeatable GET with a long timeout.
    func get(_ url: String, timeout: Duration = .seconds(60)) async throws -> HTTPResponse {
        try await send(HTTPRequest(.get, url: url, isRepeatable: true), timeout: timeout)
    }

    /// Returns the error of a request that must fail.
    func failure(_ request: HTTPRequest, timeout: Duration = .seconds(60)) async -> TransportError? {
        do {
            _ = try await send(request, timeout: timeout)
            Issue.record("the request got a response")
            return nil
        } catch {
            return error
        }
    }

    func failure(_ url: String, timeout: Duration = .seconds(60)) async -> TransportError? {
        await failure(HTTPRequest(.get, url: url, isRepeatable: true), timeout: timeout)
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}
