import DoormanCore
import DoormanSupport
import FacebookLogin
import GraphAPI
import ProviderHTTP
import TestKit
import Testing

/// The sample values of the tests. The clock begins at 1,500,000,000 s.
enum Sample {
    static let applicationID = "1234567890"
    /// The key and the message of the contract's test vector.
    static let secret = "0123456789abcdef0123456789abcdef"
    static let token = Token("EMAWtesttoken0001")
    static let proof = "02ac911642fd387c6850a3c758fb1b7a7552543aa285341ce44f77318b84e704"
    static let validBody = debugged(
        #""app_id":"1234567890","type":"USER","application":"Shop","expires_at":1500000600,"is_valid":true,"#
            + #""issued_at":1499990000,"scopes":["email","public_profile"],"user_id":"10215241773831025""#)
    static let now = 1_500_000_000
    static let userID = "10215241773831025"

    static func debugged(_ members: String) -> String { #"{"data":{\#(members)}}"# }

    /// Returns a body that says that a token is invalid.
    static func invalid(_ code: Int, _ message: String, _ more: String = "") -> String {
        debugged(#""error":{"code":\#(code),"message":"\#(message)"\#(more)},"is_valid":false,"scopes":[]"#)
    }

    static func errorBody(_ code: Int, _ type: String, _ message: String, _ more: String = "") -> String {
        #"{"error":{"message":"\#(message)","type":"\#(type)","code":\#(code)\#(more),"fbtrace_id":"CpXjQwVzxyz"}}"#
    }

    static func settings(_ change: (inout FacebookLoginSettings) -> Void = { _ in }) -> FacebookLoginSettings {
        var settings = FacebookLoginSettings(name: "facebook", applicationID: applicationID, secret: AppSecret(secret))
        change(&settings)
        return settings
    }

    static let withFields = settings { $0.fields = ["email", "name"] }

    static func verifier(
        _ transport: ScriptedTransport, _ settings: FacebookLoginSettings = settings(), clock: SteppedClock = SteppedClock()
    ) throws -> FacebookLoginVerifier {
        try FacebookLoginVerifier(settings, client: ProviderClient(transport: transport, time: clock.timeSource))
    }

    static func deadline(_ clock: SteppedClock = SteppedClock()) -> Deadline {
        Deadline(clock.now.advanced(by: .seconds(2)))
    }

    static func verdict(
        _ transport: ScriptedTransport, _ settings: FacebookLoginSettings = settings()
    ) async throws -> Verdict {
        try await verifier(transport, settings).verify(VerificationRequest(token: token), deadline: deadline())
    }

    /// Verifies the sample token with one response, which must lead to no verdict.
    static func error(_ response: Result<HTTPResponse, TransportError>) async -> VerificationError? {
        await #expect(throws: VerificationError.self) { try await verdict(ScriptedTransport(response)) }
    }
}
