import DoormanServer
import Foundation
import NIOCore
import NIOPosix
import TestKit
import Testing

@Suite("Listeners of both address families")
struct BothFamiliesTests {
    /// Whether this machine has IPv6. See proc(5).
    static var hasIPv6: Bool {
        (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8)).map { !$0.isEmpty } ?? false
    }

    private func settings(_ host: String, port: Int = 0) -> (inout ServerSettings) -> Void {
        return {
            $0.tcp = .init(host: host, port: port)
            $0.allowsPlaintextFromNetwork = host == "*"
        }
    }

    private func canConnect(_ host: String, _ port: Int) async -> Bool {
        do {
            let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(to: SocketAddress(ipAddress: host, port: port)).get()
            try? await channel.close()
            return true
        } catch {
            return false
        }
    }

    @Test("a host for both families listens on both with one port", arguments: ["*", "localhost", "LOCALHOST"])
    func bothFamilies(host: String) async throws {
        let log = LogRecorder()
        try await withServer(log: log, settings: settings(host)) { server, port in
            #expect(port > 0)
            #expect(server.addresses.map(\.port) == Array(repeating: port, count: Self.hasIPv6 ? 2 : 1))
            #expect(await canConnect("127.0.0.1", port))
            #expect(await canConnect("::1", port) == Self.hasIPv6)
            #expect(log.lines.filter { $0.contains("listening") }.count == server.addresses.count)
        }
    }

    @Test("an address of one family listens on that family only")
    func oneFamily() async throws {
        try await withServer(settings: settings("127.0.0.1")) { server, port in
            #expect(server.addresses.count == 1)
            #expect(await !canConnect("::1", port))
        }
    }

    @Test("a port that another server has in either family is an error, and closes the other listener")
    func taken() async throws {
        try await withServer(settings: settings(Self.hasIPv6 ? "::1" : "127.0.0.1")) { _, port in
            await #expect(throws: CannotListen.self) {
                try await withServer(settings: settings("localhost", port: port)) { _, _ in }
            }
            if Self.hasIPv6 { #expect(await !canConnect("127.0.0.1", port)) }
        }
    }

    @Test("all addresses need TLS or the setting that allows plaintext")
    func plaintext() async throws {
        await #expect(throws: CannotListen.self) {
            try await withServer(settings: { $0.tcp = .init(host: "*", port: 0) }) { _, _ in }
        }
    }
}
