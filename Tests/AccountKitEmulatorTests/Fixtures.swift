import AccountKitEmulator
import FoundationEssentials

/// An error response as a client decodes it.
struct ErrorBody: Decodable {
    struct Details: Decodable {
        let message: String
        let type: String
        let code: Int
        let isTransient: Bool?
        let errorData: [String]?
        let fbtraceId: String
    }

    let error: Details
}

extension GraphResponse {
    var text: String { String(decoding: body, as: UTF8.self) }

    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(body))
    }
}

/// The response to a log-in by a control path: a token or code, and the account's id.
struct Issued: Decodable {
    let accessToken: String?
    let code: String?
    let id: String
}

/// The apps of most tests: `first` requires proofs; `second` requires none and has codes only.
enum Apps {
    static let first = EmulatorSettings.App(
        id: "1111111111111111", secret: "0123456789abcdef0123456789abcdef",
        accounts: [
            .init(
                id: "1011166682335378", contact: .phone(phone("+15879994455")),
                tokens: ["EMAWphone", "EMAWtesttoken0001", "EMAWgone"]),
            .init(id: "1011166682335379", contact: .email("test@example.com"), tokens: ["EMAWmail"]),
            .init(id: "1011166682335380", contact: .phone(phone("+4915112345678")), tokens: ["EMAWgerman"]),
        ])
    static let second = EmulatorSettings.App(
        id: "2222222222222222", secret: "fedcba9876543210fedcba9876543210", requiresAppSecret: false,
        enablesClientAccessTokenFlow: false,
        accounts: [.init(id: "2011166682335378", contact: .phone(phone("+15879994455")), tokens: ["EMAWsecond"])])

    static let firstToken = "AA|1111111111111111|0123456789abcdef0123456789abcdef"
    static let secondToken = "AA%7C2222222222222222%7Cfedcba9876543210fedcba9876543210"

    static func phone(_ number: String) -> Contact.PhoneNumber {
        guard let phone = try? Contact.PhoneNumber(number) else { preconditionFailure("\(number) is not a phone number") }
        return phone
    }
}
