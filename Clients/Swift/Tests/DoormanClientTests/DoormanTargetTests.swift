import DoormanClient
import Testing

@Suite("targets")
struct DoormanTargetTests {
    @Test(
        "a target's description parses to the same target",
        arguments: [
            ("127.0.0.1:7117", .hostAndPort("127.0.0.1", 7117)), ("doorman.internal:1", .hostAndPort("doorman.internal", 1)),
            ("[::1]:65535", .hostAndPort("::1", 65535)), ("unix:/run/doorman.sock", .unixSocket(path: "/run/doorman.sock")),
        ] as [(String, DoormanTarget)])
    func parse(text: String, target: DoormanTarget) throws {
        #expect(try DoormanTarget(parsing: text) == target)
        #expect(target.description == text)
    }

    @Test(
        "text that is not a target throws an error without the text",
        arguments: [
            "", ":7117", "host:", "host:0", "host:65536", "host:+1", "host:7x", "::1:7117", "[host]:1", "unix:",
            "unix:relative", "host:99999999999999999999", "EMAWplanted host", "host:EMAWplanted", "unix:EMAWplanted",
            "[EMAWplanted]:1",
            "EMAWplanted" + String(repeating: "a", count: 60), String(repeating: "EMAWplanted.", count: 30) + "a:7117",
        ])
    func invalid(text: String) {
        let error = #expect(throws: DoormanTarget.ParseError.self) { try DoormanTarget(parsing: text) }
        #expect(error?.description.isEmpty == false)
        #expect(error?.description.contains("EMAWplanted") == false)
    }

    @Test(
        "a host without a port takes the default port",
        arguments: [
            ("localhost", "localhost:7117"), ("doorman.internal", "doorman.internal:7117"), ("10.0.0.1", "10.0.0.1:7117"),
            ("[::1]", "[::1]:7117"),
        ])
    func bareHost(text: String, whole: String) throws {
        #expect(try DoormanTarget(parsing: text).description == whole)
    }

    @Test("the default port is 7117")
    func defaultPort() {
        #expect(DoormanTarget.hostAndPort("::1").description == "[::1]:7117")
    }
}
