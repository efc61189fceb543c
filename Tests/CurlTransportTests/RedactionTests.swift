import CurlTransport
import ProviderHTTP
import Testing

@Suite("Descriptions of the transport's types contain no secret")
struct RedactionTests {
    static let secret = "EMAWplantedsecret"

    static func shown(_ value: some Any) -> String {
        var text = "\(value) \(String(reflecting: value)) \(String(describing: Optional(value))) \([value])"
        dump(value, to: &text)
        return text
    }

    @Test("no secret is in the description of a request, a response or the settings")
    func values() {
        let request = HTTPRequest(
            .post, url: "https://example.com/me?access_token=\(Self.secret)", headers: ["Authorization": "Basic \(Self.secret)"],
            form: [("token", Array(Self.secret.utf8))], isRepeatable: true)
        #expect(Self.shown(request).contains("POST"))
        #expect(!Self.shown(request).contains(Self.secret))
        #expect(!Self.shown(request).contains("69, 77, 65, 87"))
        let response = HTTPResponse(status: 200, headers: ["X": Self.secret], body: Array(Self.secret.utf8))
        #expect(Self.shown(response).contains("200"))
        #expect(!Self.shown(response).contains(Self.secret))
        #expect(!Self.shown(response).contains("69, 77, 65, 87"))
        #expect(!Self.shown(response.headers).contains(Self.secret))
        var settings = CurlTransport.Settings()
        settings.proxy = "http://user:\(Self.secret)@proxy.example:3128"
        #expect(!Self.shown(settings).contains(Self.secret))
    }

    @Test("no secret is in the description of an error")
    func errors() async throws {
        let server = ScriptedServer { connection in
            guard let request = connection.request() else { return }
            connection.write("HTTP/1.1 200 \(Self.secret)\r\nContent-Length: 999\r\n\r\n\(request)")
        }
        try await withServer(server) { transport, server async throws in
            for url in [server.url("/?t=\(Self.secret)"), "http://192.0.2.1/\(Self.secret)", "https://[::1]:1/\(Self.secret)"] {
                let error = await transport.failure(url)
                #expect(error != nil)
                #expect(!Self.shown(error as Any).contains(Self.secret))
                #expect(!Self.shown(error as Any).contains("://"))
            }
        }
    }
}
