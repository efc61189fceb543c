import AccountKitEmulator
import DoormanCore
import Logging
import Testing

@testable import EmulatorClient

@Suite("A token of the emulator's OpenID issuer", .timeLimit(.minutes(1)))
struct JWTTests {
    private func withEmulator(_ body: (EmulatorAddress) async throws -> Void) async throws {
        let emulator = try AccountKitEmulator(
            settings: EmulatorSettings(port: 0), logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(try EmulatorAddress(parsing: emulator.baseURL)))
        } catch {
            outcome = .failure(error)
        }
        try await emulator.stop()
        try outcome.get()
    }

    @Test("is issued for the same account each time")
    func issued() async throws {
        try await withEmulator { address in
            let client = EmulatorClient(address: address)
            let request = JWTRequest(
                contact: .email("a+b&c=d@example.com"), applicationID: "5432154321543210", audiences: ["a", "b"],
                scopes: ["c", "d"],
                lifetime: .seconds(60))
            let first = try await client.issueJWT(request, timeout: .seconds(20))
            let second = try await client.issueJWT(request, timeout: .seconds(20))
            #expect(!first.accountID.isEmpty && first.accountID == second.accountID && first.token != second.token)
            #expect(first.token.bytes.starts(with: "eyJ".utf8) && first.token.bytes.filter { $0 == UInt8(ascii: ".") }.count == 2)
            #expect(!"\(first)".contains("eyJ") && !String(reflecting: first).contains("eyJ"))
        }
    }

    @Test("is rejected with the emulator's message")
    func rejected() async throws {
        try await withEmulator { address in
            let request = JWTRequest(contact: .phone("5"), applicationID: nil)
            await #expect {
                try await EmulatorClient(address: address).issueJWT(request, timeout: .seconds(20))
            } throws: { error in
                guard case .refused(let words)? = error as? EmulatorFailure else { return false }
                return words.hasPrefix("phone: ")
            }
        }
    }

    @Test("is in no other response", arguments: [#"{"code":"AQx","id":"1"}"#, #"{"access_token":"eyJ"}"#, "{}", ""])
    func otherResponses(body: String) {
        #expect(throws: EmulatorFailure.self) { try IssuedJWT(EmulatorResponse(status: 200, body: Array(body.utf8))) }
    }

    @Test("has percent-encoded parameters, and only those that are given")
    func encoding() {
        let few = JWTRequest(contact: .phone("+1555"), applicationID: nil)
        #expect(few.target == "/emulator/login?response=jwt&phone=%2B1555")
        let all = JWTRequest(
            contact: .email("a@b"), applicationID: "1", audiences: ["x", "y"], scopes: ["a:b"], lifetime: .seconds(30))
        #expect(
            all.target
                == "/emulator/login?response=jwt&email=a%40b&app=1&audience=x%20y&scope=a%3Ab&lifetime_seconds=30")
    }
}
