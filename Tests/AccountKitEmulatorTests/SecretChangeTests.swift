import AccountKitEmulator
import Testing

@Suite("A changed app secret")
struct SecretChangeTests {
    private static let next = "ffffffffffffffffffffffffffffffff"

    @Test("is needed for proofs and app tokens")
    func change() throws {
        var graph = try GraphAPI(apps: [Apps.first, Apps.second])
        func status(_ method: String, _ target: String) -> Int {
            graph.respond(to: GraphRequest(method: method, target: target)).status
        }
        let me = "/v1.3/me?access_token=EMAWtesttoken0001&appsecret_proof=\(Proofs.vector)"
        let accounts = "/v1.3/1111111111111111/accounts?access_token="
        #expect(status("GET", me) == 200)
        try graph.changeSecret(ofApp: "1111111111111111", to: Self.next)
        #expect(status("GET", me) == 400)
        #expect(status("GET", accounts + Apps.firstToken) == 500)
        #expect(status("GET", accounts + "AA|1111111111111111|\(Self.next)") == 200)
        // The other app keeps its secret.
        #expect(status("GET", "/v1.3/2222222222222222/accounts?access_token=\(Apps.secondToken)") == 200)
        try graph.changeSecret(ofApp: "1111111111111111", to: Apps.first.secret)
        #expect(status("GET", me) == 200)
    }

    @Test("needs an existing app")
    func unknownApp() throws {
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(apps: [Apps.first]))
        try emulator.changeSecret(to: Self.next)
        #expect(throws: EmulatorError.self) { try emulator.changeSecret(ofApp: "3", to: Self.next) }
    }
}
