import AccountKitEmulator
import Logging
import TestKit
import Testing

@testable import EmulatorClient

@Suite("A log-in at an emulator", .timeLimit(.minutes(1)))
struct LogInTests {
    /// Runs an emulator for as long as `body` runs.
    private func withEmulator(_ body: (AccountKitEmulator, EmulatorAddress) async throws -> Void) async throws {
        let emulator = try AccountKitEmulator(
            settings: EmulatorSettings(port: 0), logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(emulator, try EmulatorAddress(parsing: emulator.baseURL)))
        } catch {
            outcome = .failure(error)
        }
        try await emulator.stop()
        try outcome.get()
    }

    private func logIn(_ contact: LogInRequest.Contact, app: String? = nil, at address: EmulatorAddress) async throws -> LoggedIn {
        let request = LogInRequest(contact: contact, applicationID: app)
        return try await EmulatorClient(address: address).logIn(request, timeout: .seconds(20))
    }

    @Test("returns a code for the same account each time")
    func good() async throws {
        try await withEmulator { emulator, address in
            for contact in [LogInRequest.Contact.phone("+15551234567"), .email("a+b&c=d@example.com")] {
                let first = try await logIn(contact, at: address)
                let second = try await logIn(contact, app: "5432154321543210", at: address)
                #expect(!first.accountID.isEmpty && first.accountID == second.accountID)
                #expect(first.code != second.code && first.code.bytes.starts(with: Array("AQ".utf8)))
                #expect(!"\(first)".contains("AQ") && !String(reflecting: first).contains("AQ"))
            }
        }
    }

    @Test("throws the emulator's message if the emulator rejects it")
    func rejected() async throws {
        try await withEmulator { _, address in
            for (contact, app) in [(LogInRequest.Contact.phone("5"), nil), (.email("test"), nil), (.phone("+15551234567"), "1")] {
                await #expect {
                    try await logIn(contact, app: app, at: address)
                } throws: { error in
                    guard case .refused(let words)? = error as? EmulatorFailure else { return false }
                    return !words.isEmpty
                }
            }
        }
    }

    @Test("fails if it can't connect")
    func cannotConnect() async throws {
        var left: EmulatorAddress?
        try await withEmulator { left = $1 }
        let address = try #require(left)
        await #expect(throws: EmulatorFailure.unreachable("nothing listens at this address")) {
            try await logIn(.phone("+15551234567"), at: address)
        }
    }

    @Test("ends at its timeout")
    func late() async throws {
        try await withEmulator { _, address in
            await #expect(throws: EmulatorFailure.timedOut) {
                let request = LogInRequest(contact: .phone("+15551234567"), applicationID: nil)
                return try await EmulatorClient(address: address).logIn(request, timeout: .nanoseconds(1))
            }
        }
    }

    @Test(
        "succeeds only with a response of an emulator",
        arguments: [
            (200, #"{"code":"AQx","id":"1"}"#, true), (200, #"{"access_token":"EMAWx","id":"1"}"#, false),
            (200, #"{"code":"AQx"}"#, false), (500, #"{"code":"AQx","id":"1"}"#, false), (200, "<html>", false), (200, "", false),
            (404, #"{"error":{"message":"no such path"}}"#, false), (302, #"{"error":"moved"}"#, false),
        ] as [(Int, String, Bool)])
    func responses(status: Int, body: String, isGood: Bool) {
        let read = Result { () throws(EmulatorFailure) in try LoggedIn(EmulatorResponse(status: status, body: Array(body.utf8))) }
        switch read {
        case .success: #expect(isGood)
        case .failure(.noEmulator): #expect(!isGood)
        case .failure(let failure): Issue.record("\(failure)")
        }
    }

    @Test("percent-encodes its parameters")
    func encoding() {
        let request = LogInRequest(contact: .email("ä b@x"), applicationID: "1&2")
        #expect(request.target == "/emulator/login?response=code&email=%C3%A4%20b%40x&app=1%262")
    }
}
