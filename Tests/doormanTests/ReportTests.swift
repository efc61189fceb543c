import DoormanClient
import Testing

@testable import doorman

@Suite("Reports")
struct ReportTests {
    private let identity = Identity(
        accountID: "1011166682335378", applicationID: "5432154321543210",
        phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
    )
    .valid(until: .distantFuture, freshness: .cached)

    @Test("the text of an identity is aligned lines")
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

    @Test("the JSON of an identity is one object")
    func json() {
        #expect(
            Report(identity, took: .microseconds(1204)).json
                == #"{"account_id":"1011166682335378","application_id":"5432154321543210","claims":{},"email":null,"#
                + #""email_verified":false,"expires_at":null,"freshness":"cached","issuer":null,"outcome":"valid","#
                + #""phone":{"country_prefix":"1","national_number":"5551234567","number":"+15551234567"},"#
                + #""phone_verified":false,"provider":"account-kit","scopes":[],"took_ms":1.204,"valid_until":null,"#
                + #""verified_at":"2017-07-14T02:40:00.000Z"}"#
        )
    }

    @Test("control characters from another machine are replaced")
    func control() {
        var hostile = identity
        hostile.email = "a\u{1b}[2Jb\nc\u{9b}d"
        #expect(Report(hostile, took: .zero).text.contains("e-mail:       a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\n"))
    }

    @Test("the text of an exchange begins with the token")
    func exchange() {
        let report = Report(Exchange(token: Token("EMAWnew"), identity: nil))
        #expect(report.text == "token:    EMAWnew\naccount:  not known yet: verify the token with 'doorman verify'\n")
        #expect(report.json == #"{"identity":null,"outcome":"exchanged","token":"EMAWnew"}"#)
        #expect(report.status == .success)
    }

    @Test("only a serving server is a success", arguments: HealthStatus.allCases)
    func health(status: HealthStatus) {
        #expect((Report(status).status == .success) == (status == .serving))
    }

    @Test("a failure is one line that ends with the next step")
    func failureLine() {
        let line = FailureReport(DoormanError(.tokenRejected, "the token\nhas expired")).line
        #expect(line == "doorman: rejected (TOKEN_REJECTED): the token has expired. Have the user log in again.\n")
        let busy = DoormanError(.providerBusy, "throttled", isRetryable: true, retryAfter: .milliseconds(1500))
        #expect(FailureReport(busy).line == "doorman: unavailable (PROVIDER_BUSY): throttled. Try again in 1.5 s.\n")
    }

    @Test("the JSON of a failure tells rejected from unavailable")
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
}
