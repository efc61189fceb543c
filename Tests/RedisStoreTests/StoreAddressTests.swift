import DoormanSupport
import Testing

@testable import RedisStore

@Suite("Addresses of stores")
struct StoreAddressTests {
    @Test(
        "an address has a scheme, a host and perhaps a port",
        arguments: [
            ("rediss://store.example:6380", "store.example", 6380, true), ("redis://127.0.0.1", "127.0.0.1", 6379, false),
            ("REDISS://[2001:db8::1]:7000", "2001:db8::1", 7000, true), ("rediss://[::1]", "::1", 6379, true),
        ])
    func valid(_ url: String, _ host: String, _ port: Int, _ usesTLS: Bool) throws {
        let address = try StoreAddress(url: url)
        #expect(address.address == HostAndPort(host: host, port: port))
        #expect(address.usesTLS == usesTLS)
    }

    @Test(
        "another text is an error that says why, and repeats nothing of it",
        arguments: [
            ("store.example:6379", "must begin with rediss://"), ("http://store.example", "scheme"),
            ("rediss://user:hunter2@store.example", "user or a password"), ("rediss://store.example/0", "nothing may follow"),
            ("rediss://store.example?x=hunter2", "nothing may follow"), ("rediss://", "no host"), ("rediss://:6379", "no host"),
            ("rediss://store:0", "1 to 65535"), ("rediss://store:65536", "1 to 65535"), ("rediss://store:hunter2", "1 to 65535"),
            ("rediss://2001:db8::1", "brackets"), ("rediss://[store]", "brackets"), ("rediss://sto re", "visible ASCII"),
            ("rediss://store\u{0}", "visible ASCII"),
        ])
    func invalid(_ url: String, _ reason: String) {
        do throws(StoreAddress.ParseError) {
            _ = try StoreAddress(url: url)
            Issue.record("\(url) is no address")
        } catch {
            #expect(error.description.contains(reason))
            #expect(!error.description.contains("hunter2"))
        }
    }
}
