import EmulatorClient
import Testing

@Suite("The address of an emulator")
struct EmulatorAddressTests {
    @Test(
        "can be any form of a loopback address",
        arguments: [
            ("http://127.0.0.1:7118", "http://127.0.0.1:7118"), ("127.0.0.1:1", "http://127.0.0.1:1"),
            ("localhost", "http://127.0.0.1:7118"), ("http://localhost:65535/", "http://127.0.0.1:65535"),
            ("127.9.9.9", "http://127.9.9.9:7118"), ("[::1]", "http://[::1]:7118"), ("http://[::1]:80", "http://[::1]:80"),
        ])
    func good(text: String, address: String) throws {
        #expect(try EmulatorAddress(parsing: text).description == address)
        #expect(try EmulatorAddress(parsing: address).description == address)
    }

    @Test(
        "is invalid beyond this machine",
        arguments: [
            ("https://127.0.0.1:7118", "no TLS"), ("example.org", "this machine"), ("10.0.0.1:7118", "this machine"),
            ("http://[::2]:7118", "this machine"), ("127.0.0.1.example.org:1", "this machine"), ("", "this machine"),
            ("127.0.0.1:0", "port"), ("127.0.0.1:65536", "port"), ("127.0.0.1:", "port"), ("http://127.0.0.1:7118/a", "port"),
            ("127.0.0.256", "this machine"), ("::1", "this machine"),
            ("EMAWverysecrettokenofaperson", "this machine"),
        ])
    func bad(text: String, cause: String) throws {
        let error = try #require(throws: EmulatorAddress.ParseError.self) { try EmulatorAddress(parsing: text) }
        #expect(error.description.contains(cause), "\(error)")
        #expect(!error.description.contains("example") && !error.description.contains("EMAW"))
    }
}
