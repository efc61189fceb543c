import AccountKit
import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@Suite("X-App-Usage")
struct AppUsageTests {
    /// Returns the reported percentages for a sequence of responses.
    static func reported(_ responses: [Result<HTTPResponse, TransportError>]) async throws -> [Int] {
        let reported = NIOLockedValueBox<[Int]>([])
        let left = NIOLockedValueBox(responses)
        let transport = ScriptedTransport { _ in left.withLockedValue { $0.removeFirst() } }
        let verifier = try AccountKitVerifier(
            Sample.settings(),
            client: ProviderClient(
                transport: transport, time: SteppedClock().timeSource,
                usage: { percent in reported.withLockedValue { $0.append(percent) } }))
        for _ in responses { _ = try? await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline()) }
        return reported.withLockedValue { $0 }
    }

    @Test("the highest of the three values is reported for every response")
    func everyResponse() async throws {
        let reported = try await Self.reported([
            .response(200, Sample.phoneBody, headers: ["X-App-Usage": #"{"call_count":28,"total_time":25,"total_cputime":26}"#]),
            .response(
                400, errorBody(190, "OAuthException", "x"),
                headers: ["x-app-usage": #"{"call_count":1,"total_time":90,"total_cputime":2}"#]),
            .response(
                403, errorBody(4, "x", "x"), headers: ["X-App-Usage": #"{"call_count":3,"total_time":2,"total_cputime":104}"#]),
            .response(502, "<html>", headers: ["X-App-Usage": #"{"call_count":0}"#]),
            .response(200, Sample.phoneBody),
            .failure(.connectionLost, sent: true),
        ])
        #expect(reported == [28, 90, 104, 0])
    }

    @Test(
        "a malformed header is ignored",
        arguments: [
            "", "28", "[28]", "{}", #"{"other":28}"#, #"{"call_count":"28"}"#, #"{"call_count":-1}"#, #"{"call_count":28.5}"#,
            #"{"call_count":28,"total_time":null}"#, #"{"call_count":28,"total_time":[]}"#, #"{"call_count":10001}"#,
            #"{"call_count":99999999999999999999}"#, #"{"call_count":28"#,
            #"{"call_count":28,"padding":"\#(String(repeating: "x", count: 1024))"}"#,
        ])
    func malformed(header: String) async throws {
        #expect(try await Self.reported([.response(200, Sample.phoneBody, headers: ["X-App-Usage": header])]).isEmpty)
        let verdict = try await VerifyTests.verdict(.response(200, Sample.phoneBody, headers: ["X-App-Usage": header]))
        #expect(verdict.identity != nil)
    }
}
