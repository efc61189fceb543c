import AccountKit
import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@Suite("X-App-Usage")
struct AppUsageTests {
    /// What is reported for answers to as many questions.
    static func reported(_ answers: [Result<HTTPResponse, TransportError>]) async throws -> [Int] {
        let reported = NIOLockedValueBox<[Int]>([])
        let left = NIOLockedValueBox(answers)
        let transport = ScriptedTransport { _ in left.withLockedValue { $0.removeFirst() } }
        let verifier = try AccountKitVerifier(
            Sample.settings(), transport: transport, time: SteppedClock().timeSource,
            usage: { percent in reported.withLockedValue { $0.append(percent) } })
        for _ in answers { _ = try? await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline()) }
        return reported.withLockedValue { $0 }
    }

    @Test("the highest of the three is reported, whatever the answer is")
    func everyAnswer() async throws {
        let reported = try await Self.reported([
            .answer(200, Sample.phoneBody, headers: ["X-App-Usage": #"{"call_count":28,"total_time":25,"total_cputime":26}"#]),
            .answer(
                400, errorBody(190, "x", "x"), headers: ["x-app-usage": #"{"call_count":1,"total_time":90,"total_cputime":2}"#]),
            .answer(403, errorBody(4, "x", "x"), headers: ["X-App-Usage": #"{"call_count":3,"total_time":2,"total_cputime":104}"#]),
            .answer(502, "<html>", headers: ["X-App-Usage": #"{"call_count":0}"#]),
            .answer(200, Sample.phoneBody),
            .failure(.connectionLost, sent: true),
        ])
        #expect(reported == [28, 90, 104, 0])
    }

    @Test(
        "what makes no sense is ignored, and does no harm to the answer",
        arguments: [
            "", "28", "[28]", "{}", #"{"other":28}"#, #"{"call_count":"28"}"#, #"{"call_count":-1}"#, #"{"call_count":28.5}"#,
            #"{"call_count":28,"total_time":null}"#, #"{"call_count":28,"total_time":[]}"#, #"{"call_count":10001}"#,
            #"{"call_count":99999999999999999999}"#, #"{"call_count":28"#,
            #"{"call_count":28,"padding":"\#(String(repeating: "x", count: 1024))"}"#,
        ])
    func nonsense(header: String) async throws {
        #expect(try await Self.reported([.answer(200, Sample.phoneBody, headers: ["X-App-Usage": header])]).isEmpty)
        let verdict = try await VerifyTests.verdict(.answer(200, Sample.phoneBody, headers: ["X-App-Usage": header]))
        #expect(verdict.identity != nil)
    }
}
