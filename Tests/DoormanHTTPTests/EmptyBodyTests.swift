import TestKit
import Testing

@Suite("Empty bodies")
struct EmptyBodyTests {
    @Test(
        "a request without the body that its endpoint needs is answered, and the next request too",
        arguments: ["/v1/exchange", "/v1/revoke", "/oauth2/introspect"],
        ["Content-Length: 0", "Accept: */*", "Expect: 100-continue"])
    func answered(target: String, header: String) async throws {
        let type = target.hasPrefix("/v1") ? "application/json" : "application/x-www-form-urlencoded"
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            for _ in 0..<3 {
                try await peer.send(
                    "POST \(target) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic eDp5\r\nContent-Type: \(type)\r\n\(header)\r\n\r\n"
                )
            }
            var statuses: [Int] = []
            while statuses.count < 3 {
                let status = try await peer.readResponse().status
                if status != 100 { statuses.append(status) }
            }
            #expect(statuses == [400, 400, 400])
        }
    }
}
