internal import AccountKit
internal import DoormanCore
internal import DoormanSupport
internal import GraphAPI
internal import ProviderHTTP

/// The settings and request of a call, chosen by a byte of the input.
struct CallParameters: Sendable {
    static let applicationID = "5432154321543210"
    static let token = Token("EMAWplantedToken0001")
    static let code = AuthorizationCode("AQplantedCode0001")
    static let secret = "0123456789abcdef0123456789abcdef"
    static let pageSize = 3
    static let cursor = "MTIz"

    /// The secrets that no message may contain.
    static let secrets = ["EMAWplanted", "AQplanted", secret]

    let acceptsAnswersWithoutApplication: Bool
    let hasSecret: Bool
    let requestedApplicationID: String?
    let isFirstPage: Bool

    init(_ choice: UInt8) {
        hasSecret = choice & 1 == 0
        acceptsAnswersWithoutApplication = choice & 2 != 0
        requestedApplicationID = choice & 4 == 0 ? nil : choice & 8 == 0 ? Self.applicationID : "1"
        isFirstPage = choice & 0x10 == 0
    }

    func verifier(for provider: InputTransport) throws -> AccountKitVerifier {
        let secret = hasSecret ? AppSecret(Self.secret) : nil
        var settings = AccountKitSettings(application: .init(id: Self.applicationID, secret: secret))
        settings.acceptAnswersWithoutApplication = acceptsAnswersWithoutApplication && hasSecret
        let time = TimeSource(
            now: { Instant(nanoseconds: 1) }, wallTime: { Timestamp(millisecondsSince1970: 1_500_000_000_000) })
        return try AccountKitVerifier(settings, client: ProviderClient(transport: provider, time: time))
    }
}
