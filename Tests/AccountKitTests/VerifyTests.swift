import AccountKit
import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@Suite("Verify")
struct VerifyTests {
    static func verdict(
        _ response: Result<HTTPResponse, TransportError>, settings: AccountKitSettings = Sample.settings(),
        applicationID: String? = nil
    ) async throws -> Verdict {
        try await Sample.verifier(ScriptedTransport(response), settings: settings).verify(
            VerificationRequest(token: Sample.token, applicationID: applicationID), deadline: Sample.deadline())
    }

    static func error(_ response: Result<HTTPResponse, TransportError>) async -> VerificationError? {
        await #expect(throws: VerificationError.self) { try await verdict(response) }
    }

    @Test("a token of the configured application is valid")
    func valid() async throws {
        let clock = SteppedClock()
        let transport = ScriptedTransport(.response(200, Sample.phoneBody))
        let verdict = try await Sample.verifier(transport, clock: clock).verify(
            VerificationRequest(token: Sample.token), deadline: Sample.deadline(clock, in: .seconds(3)))
        let phone = PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567")
        let identity = Identity(
            accountID: "12345", applicationID: Sample.applicationID, phone: phone, provider: "account-kit",
            verifiedAt: clock.wallTime)
        #expect(verdict == .valid(identity))
        #expect(await transport.requests == [AccountKitRequests(Sample.settings()).me(Sample.token)])
        #expect(await transport.timeouts == [.seconds(3)])
    }

    @Test("whitespace around a response does not change its verdict", arguments: ["\n", "\r\n \t"])
    func whitespace(space: String) async throws {
        let whole = try await Self.verdict(.response(200, Sample.phoneBody))
        #expect(try await Self.verdict(.response(200, space + Sample.phoneBody + space)) == whole)
    }

    @Test(
        "a token of another application is rejected", arguments: ["1", "05432154321543210", "5432154321543210 ", ""])
    func anotherApplication(id: String) async throws {
        let body = Sample.phoneBody.replacingApplication(with: #"{"id":"\#(id)"}"#)
        let rejection = try #require(try await Self.verdict(.response(200, body)).rejection)
        #expect(rejection.reason == .wrongApplication)
    }

    private static let foreign = Result<HTTPResponse, TransportError>.response(
        200, Sample.phoneBody.replacingApplication(with: #"{"id":"1"}"#))

    /// Checks the credential, and returns the outcome for a token of another application after it.
    private static func outcome(
        ofCheck check: Result<HTTPResponse, TransportError>, then further: Result<HTTPResponse, TransportError>...
    ) async throws -> [String] {
        let responses = NIOLockedValueBox([check] + further)
        let verifier = try Sample.verifier(ScriptedTransport { _ in responses.withLockedValue { $0.removeFirst() } })
        try? await verifier.checkCredential(deadline: Sample.deadline())
        var outcomes: [String] = []
        for _ in further {
            do throws(VerificationError) {
                let verdict = try await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline())
                outcomes.append(verdict.rejection.map { "\($0.reason)" } ?? "valid")
            } catch {
                #expect(error.scope == .credential && error.request == .responded)
                outcomes.append("\(error.code)")
            }
        }
        return outcomes
    }

    @Test("while the credential check has not succeeded, a token of another application is not rejected: our id may be wrong")
    func wrongApplicationID() async throws {
        let checked = Result<HTTPResponse, TransportError>.response(200, #"{"data":[]}"#)
        #expect(try await Self.outcome(ofCheck: checked, then: Self.foreign) == ["wrongApplication"])
        let rejected = Result<HTTPResponse, TransportError>.response(400, errorBody(190, "OAuthException", "x"))
        for check in [rejected, .failure(.timedOut, sent: true)] {
            #expect(try await Self.outcome(ofCheck: check, then: Self.foreign) == ["providerMisconfigured"])
            let valid = Result<HTTPResponse, TransportError>.response(200, Sample.phoneBody)
            #expect(
                try await Self.outcome(ofCheck: check, then: Self.foreign, valid, Self.foreign)
                    == ["providerMisconfigured", "valid", "wrongApplication"])
        }
    }

    @Test("a response without an application is rejected, unless the settings accept it")
    func missingApplication() async throws {
        let bodies = [Sample.phoneBody.replacingApplication(with: "null"), #"{"id":"1","email":{"address":"a@b"}}"#]
        for body in bodies {
            let rejection = try #require(try await Self.verdict(.response(200, body)).rejection)
            #expect(rejection.reason == .wrongApplication)
            let lenient = Sample.settings { $0.acceptAnswersWithoutApplication = true }
            let identity = try #require(try await Self.verdict(.response(200, body), settings: lenient).identity)
            #expect(identity.applicationID == Sample.applicationID, "the accepted proof vouches for the application")
            // The setting does not accept responses that name another application.
            let other = Sample.phoneBody.replacingApplication(with: #"{"id":"1"}"#)
            #expect(try await Self.verdict(.response(200, other), settings: lenient).rejection != nil)
        }
    }

    @Test("an application id that is a number makes the response malformed")
    func numericApplication() async throws {
        let body = Sample.phoneBody.replacingApplication(with: #"{"id":5432154321543210}"#)
        #expect(await Self.error(.response(200, body))?.code == .providerUnavailable)
    }

    @Test("a token with an invalid syntax is rejected without a request", arguments: ["", "AA|1|2", "EAAabc", "AQabc", "a b"])
    func malformed(text: String) async throws {
        let transport = ScriptedTransport()
        let verifier = try Sample.verifier(transport)
        #expect(verifier.validateSyntax(of: Token(text))?.reason == .malformedToken)
        #expect(await transport.requests.isEmpty)
    }

    @Test(
        "a rejection has the reason of the provider's error code",
        arguments: [
            (190, "Invalid OAuth access token.", Rejection.Reason.tokenRejected),
            (100, "Invalid appsecret_proof provided in the API argument", .proofRejected),
        ])
    func rejections(code: Int, message: String, reason: Rejection.Reason) async throws {
        let rejection = try #require(try await Self.verdict(.response(400, errorBody(code, "OAuthException", message))).rejection)
        #expect(rejection.reason == reason)
        #expect(!rejection.message.contains(message))
    }

    static let failures: [(Result<HTTPResponse, TransportError>, VerificationError.Code)] = [
        (.response(500, errorBody(2, "x", "x")), .providerUnavailable), (.response(502, "<html>"), .providerUnavailable),
        (.response(200, ""), .providerUnavailable), (.response(200, "{}"), .providerUnavailable),
        (.response(302, ""), .providerUnavailable),
        (.response(401, "{}"), .providerUnavailable), (.response(400, #"{"error":{}}"#), .providerUnavailable),
        (.response(403, #"{"error":{"message":"blocked by edge"}}"#), .providerUnavailable),
        (.response(400, errorBody(803, "x", "x")), .providerUnavailable),
        (.response(400, errorBody(101, "OAuthException", "Error validating application.")), .providerMisconfigured),
        (.response(400, errorBody(2500, "OAuthException", "Unknown path components")), .providerMisconfigured),
        (.response(403, errorBody(4, "x", "x")), .providerBusy),
        (
            .response(400, errorBody(100, "x", "API calls from the server require an appsecret_proof argument")),
            .providerMisconfigured
        ),
        (.failure(.resolveFailed), .providerUnavailable), (.failure(.connectFailed), .providerUnavailable),
        (.failure(.tls), .providerUnavailable), (.failure(.timedOut, sent: true), .providerUnavailable),
        (.failure(.bodyTooLarge, sent: true), .providerUnavailable), (.failure(.headersTooLarge, sent: true), .providerUnavailable),
        (.failure(.connectionLost, sent: true), .providerUnavailable), (.failure(.protocolError, sent: true), .providerUnavailable),
        (.failure(.shutDown), .providerUnavailable), (.failure(.queueFull), .providerBusy),
        (.failure(.urlNotAllowed), .providerMisconfigured), (.failure(.deadlineExceeded, sent: true), .deadlineExceeded),
        (.failure(.cancelled, sent: true), .deadlineExceeded),
    ]

    @Test("a failure without a verdict is an error", arguments: failures.indices)
    func failure(_ index: Int) async {
        let (response, code) = Self.failures[index]
        #expect(await Self.error(response)?.code == code)
    }

    @Test("the error contains the provider's Retry-After")
    func retryAfter() async {
        let busy = await Self.error(.response(429, errorBody(4, "x", "x"), headers: ["Retry-After": "17"]))
        #expect(busy?.code == .providerBusy && busy?.retryAfter == .seconds(17))
        let bare = await Self.error(.response(429, "", headers: ["Retry-After": "18"]))
        #expect(bare?.code == .providerBusy && bare?.retryAfter == .seconds(18))
    }

    @Test("a call whose deadline has passed sends no request")
    func passedDeadline() async throws {
        let clock = SteppedClock()
        let transport = ScriptedTransport()
        let deadline = Sample.deadline(clock)
        clock.advance(by: .seconds(2))
        let verifier = try Sample.verifier(transport, clock: clock)
        let error = await #expect(throws: VerificationError.self) {
            try await verifier.verify(VerificationRequest(token: Sample.token), deadline: deadline)
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(await transport.requests.isEmpty)
    }

    @Test("a time-out after the caller's deadline is deadlineExceeded")
    func timeOutAtDeadline() async throws {
        let clock = SteppedClock()
        let transport = ScriptedTransport { _ in
            clock.advance(by: .seconds(2))
            return .failure(.timedOut, sent: true)
        }
        let verifier = try Sample.verifier(transport, clock: clock)
        let error = await #expect(throws: VerificationError.self) {
            try await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline(clock))
        }
        #expect(error?.code == .deadlineExceeded)
    }

    @Test("the observer receives the outcome of every request")
    func observer() async throws {
        let (stream, seen) = AsyncStream<String>.makeStream()
        let transport = ScriptedTransport(
            .response(200, Sample.phoneBody), .response(400, errorBody(190, "OAuthException", "x")), .failure(.tls))
        let verifier = try AccountKitVerifier(
            Sample.settings(),
            client: ProviderClient(
                transport: transport, time: SteppedClock().timeSource, observer: { seen.yield("\($0) \($1) \($2)") }))
        for _ in 0..<3 { _ = try? await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline()) }
        seen.finish()
        let all = await stream.reduce(into: []) { $0.append($1) }
        #expect(all.count == 3)
        #expect(all[0].contains("success") && all[1].contains("tokenRejected") && all[2].contains("tls"))
    }
}
