import ProviderHTTP
import Testing

@Suite("The URL policy")
struct URLPolicyTests {
    @Test(
        "accepts https to any host and http to loopback addresses",
        arguments: [
            "https://graph.accountkit.com", "https://graph.accountkit.com/v1.3/me?access_token=AA%7C1%7C2",
            "HTTPS://Example.COM:8443/",
            "https://[2001:db8::1]:443/x", "http://127.0.0.1:7118/v1.3/me", "http://127.255.0.9", "http://localhost:80/?a=b",
            "http://LOCALHOST", "http://[::1]:7118/",
        ])
    func accepted(url: String) {
        #expect(URLPolicy.accepts(url))
    }

    @Test(
        "rejects all other URLs",
        arguments: [
            "", "http://", "https://", "https:///path", "http://192.0.2.1/", "http://example.com", "http://localhost.example.com/",
            "http://127.0.0.1.example.com/", "http://127.1/", "http://127.0.0.01/", "http://127.0.0.256/", "http://0x7f.0.0.1/",
            "http://2130706433/", "http://127.0.0.1@evil.example/", "http://evil.example#@127.0.0.1/",
            "https://user:pw@example.com/",
            "http://[::2]/", "http://[::1", "http://[]/", "http://127.0.0.1:/", "http://127.0.0.1:99999/", "http://127.0.0.1:8a/",
            "http://127.0.0.1\\@evil.example/", "https://example.com/\r\nHost: evil", "https://example.com/a b",
            "https://exämple.com/",
            "https://example.com/a|b", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:70/", "//127.0.0.1/",
            "127.0.0.1",
            "http://127.0.0.1.", "http://.127.0.0.1/", "https://exa%6dple.com/",
        ])
    func refused(url: String) {
        #expect(!URLPolicy.accepts(url))
    }

    @Test("rejects a URL of more than 8 KiB")
    func length() {
        let stem = "https://example.com/"
        let longest = stem + String(repeating: "a", count: URLPolicy.maximumBytes - stem.utf8.count)
        #expect(URLPolicy.accepts(longest))
        #expect(!URLPolicy.accepts(longest + "a"))
    }
}
