import DoormanClient
import Testing

@testable import doorman

@Suite("reports")
struct ReportTests {
    private let identity = Identity(
        accountID: "1011166682335378", applicationID: "5432154321543210",
        phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
    )
    .valid(until: .distantFuture, freshness: .cached)

    @Test("an identity is aligned lines for people")
    func text() {
        #expect(
            Report(identity, took: .microseconds(1204)).text == """
                account:      1011166682335378
                application:  5432154321543210
                phone:        +15551234567
                provider:     account-kit
                verified:     2017-07-14T02:40:00.000Z
                valid until:  without end
                freshness:    cached
                took:         1.204 ms

                """)
    }

    @Test("an identity is one object for programs")
    func json() {
        #expect(
            Report(identity, took: .microseconds(1204)).json
                == #"{"account_id":"1011166682335378","application_id":"5432154321543210","email":null,"freshness":"cached","#
                + #""outcome":"valid","phone":{"country_prefix":"1","national_number":"5551234567","number":"+15551234567"},"#
                + #""provider":"account-kit","took_ms":1.204,"valid_until":null,"verified_at":"2017-07-14T02:40:00.000Z"}"#
        )
    }

    @Test("what another machine wrote can't move a terminal's cursor")
    func control() {
        var hostile = identity
        hostile.email = "a\u{1b}[2Jb\nc\u{9b}d"
        #expect(Report(hostile, took: .zero).text.contains("e-mail:       a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\n"))
    }

    @Test("an exchange prints its token first, and says so if the account is unknown as yet")
    func exchange() {
        let report = Report(Exchange(token: Token("EMAWnew"), identity: nil))
        #expect(report.text.hasPrefix("token:    EMAWnew\n"))
        #expect(report.json == #"{"identity":null,"outcome":"exchanged","token":"EMAWnew"}"#)
        #expect(report.status == .success)
    }

    @Test("only a server that serves is a success", arguments: HealthStatus.allCases)
    func health(status: HealthStatus) {
        #expect((Report(status).status == .success) == (status == .serving))
    }

    @Test("a failure is one line that ends with what to do next")
    func failureLine() {
        let line = FailureReport(DoormanError(.tokenRejected, "the provider\nrefuses it")).line
        #expect(line == "doorman: rejected (TOKEN_REJECTED): the provider refuses it. Have the user log in again.\n")
        let busy = DoormanError(.providerBusy, "throttled", isRetryable: true, retryAfter: .milliseconds(1500))
        #expect(FailureReport(busy).line == "doorman: unavailable (PROVIDER_BUSY): throttled. Try again in 1.5 s.\n")
    }

    @Test("a failure is one object that never mixes the two kinds up")
    func failureJSON() {
        let rejected = FailureReport(DoormanError(.wrongApplication, "m"))
        #expect(rejected.json.hasPrefix(#"{"message":"m","next":""#))
        #expect(rejected.json.hasSuffix(#"","outcome":"rejected","reason":"WRONG_APPLICATION","retryable":false}"#))
        #expect(rejected.status == .rejected)
        let busy = FailureReport(DoormanError(.providerBusy, "m", isRetryable: true, retryAfter: .seconds(30)))
        #expect(
            busy.json
                == #"{"message":"m","next":"Try again in 30 s.","outcome":"unavailable","reason":"PROVIDER_BUSY","#
                + #""retry_after_seconds":30,"retryable":true}"#)
        #expect(busy.status == .unavailable)
    }

    @Test("a misplaced token is not repeated in the complaint about it")
    func misplaced() {
        let token = "EMAW" + String(repeating: "x", count: 60)
        for arguments in [[token], ["verify", "--application=\(token)"], ["verify", "a", token]] {
            let message = DoormanCommand.withoutSecrets("Unexpected argument '\(token)'", arguments)
            #expect(message == "Unexpected argument '…'")
        }
        #expect(DoormanCommand.withoutSecrets("Unexpected argument 'verfy'", ["verfy"]) == "Unexpected argument 'verfy'")
    }
}
