import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing
import TokenIntrospection

/// The sample values of the tests. The clock begins at 1,500,000,000 s.
enum Sample {
    static let secret = "s3cret"
    static let token = Token("2YotnFZFEjr1zCsicMWpAA")
    static let endpoint = "https://id.partner.example/introspect"
    static let now = 1_500_000_000

    static func settings(_ change: (inout IntrospectionSettings) -> Void = { _ in }) -> IntrospectionSettings {
        var settings = IntrospectionSettings(
            name: "partner", endpoint: endpoint, clientID: "doorman", authentication: .basic(ClientSecret(secret)))
        change(&settings)
        return settings
    }

    static func verifier(
        _ transport: ScriptedTransport, _ settings: IntrospectionSettings = settings(), clock: SteppedClock = SteppedClock()
    ) throws -> IntrospectionVerifier {
        try IntrospectionVerifier(settings, client: ProviderClient(transport: transport, time: clock.timeSource))
    }

    static func deadline(_ clock: SteppedClock = SteppedClock()) -> Deadline {
        Deadline(clock.now.advanced(by: .seconds(2)))
    }

    /// Verifies the sample token with one response.
    static func verdict(
        _ response: Result<HTTPResponse, TransportError>, _ settings: IntrospectionSettings = settings(),
        applicationID: String? = nil
    ) async throws -> Verdict {
        try await verifier(ScriptedTransport(response), settings).verify(
            VerificationRequest(token: token, applicationID: applicationID), deadline: deadline())
    }

    /// Verifies the sample token with one response, which must lead to no verdict.
    static func error(
        _ response: Result<HTTPResponse, TransportError>, _ settings: IntrospectionSettings = settings()
    ) async -> VerificationError? {
        await #expect(throws: VerificationError.self) { try await verdict(response, settings) }
    }

    /// Returns the fields of a request's form.
    static func form(_ request: HTTPRequest) -> [String: String] {
        var fields: [String: String] = [:]
        for field in String(decoding: request.form, as: UTF8.self).split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[String(parts[0])] = PercentEncoding.decoded(parts[1].utf8).map { String(decoding: $0, as: UTF8.self) }
        }
        return fields
    }
}
