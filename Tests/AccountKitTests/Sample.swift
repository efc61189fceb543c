import AccountKit
import DoormanCore
import DoormanSupport
import GraphAPI
import ProviderHTTP
import TestKit

/// The sample values of the tests.
enum Sample {
    static let applicationID = "5432154321543210"
    static let secret = "0123456789abcdef0123456789abcdef"
    static let token = Token("EMAWtesttoken0001")
    static let proof = "02ac911642fd387c6850a3c758fb1b7a7552543aa285341ce44f77318b84e704"
    static let code = AuthorizationCode("AQtest_code-0001")
    static let phoneBody = """
        {"id":"12345","phone":{"number":"+15551234567","country_prefix":"1","national_number":"5551234567"},\
        "application":{"id":"5432154321543210"}}
        """
    static let exchangeBody = #"{"id":"12345","access_token":"EMAWtesttoken0001","token_refresh_interval_sec":2592000}"#

    static func settings(secret: String? = secret, _ change: (inout AccountKitSettings) -> Void = { _ in }) -> AccountKitSettings {
        var settings = AccountKitSettings(application: .init(id: applicationID, secret: secret.map { AppSecret($0) }))
        change(&settings)
        return settings
    }

    static func verifier(
        _ transport: ScriptedTransport, settings: AccountKitSettings = settings(), clock: SteppedClock = SteppedClock()
    ) throws -> AccountKitVerifier {
        try AccountKitVerifier(settings, client: ProviderClient(transport: transport, time: clock.timeSource))
    }

    static func deadline(_ clock: SteppedClock = SteppedClock(), in time: Duration = .seconds(2)) -> Deadline {
        Deadline(clock.now.advanced(by: time))
    }
}
