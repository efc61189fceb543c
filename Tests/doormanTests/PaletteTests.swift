import DoormanClient
import Testing

@testable import doorman

@Suite("Colours")
struct PaletteTests {
    @Test(
        "only terminals get colours, unless NO_COLOR is set",
        arguments: [
            (true, ["TERM": "xterm"], true), (true, ["TERM": "xterm", "NO_COLOR": ""], true),
            (true, ["TERM": "xterm", "NO_COLOR": "1"], false), (true, ["TERM": "dumb"], false), (true, [:], false),
            (false, ["TERM": "xterm"], false),
        ] as [(Bool, [String: String], Bool)])
    func decision(isTerminal: Bool, environment: [String: String], isColoured: Bool) {
        #expect(Palette(isTerminal: isTerminal) { environment[$0] }.isColoured == isColoured)
    }

    @Test("only the outcome is coloured")
    func outcome() {
        let serving = Report(HealthStatus.serving)
        #expect(serving.text(on: Palette(isColoured: true)) == "\u{1b}[32mserving\u{1b}[0m\n")
        #expect(Report(HealthStatus.notServing).text(on: Palette(isColoured: true)) == "\u{1b}[31mnot serving\u{1b}[0m\n")
        let identity = Identity(
            accountID: "stale", applicationID: "1", phone: nil, provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 0)
        )
        .valid(until: .distantFuture, freshness: .stale)
        let report = Report(identity, took: .milliseconds(1))
        let coloured = report.text(on: Palette(isColoured: true))
        #expect(coloured.contains("freshness:    \u{1b}[33mstale\u{1b}[0m\n"), "\(coloured)")
        for report in [serving, report, .revoked(RevocationResult(confirmed: []))] {
            #expect(report.text(on: .plain) == report.text)
        }
    }
}
