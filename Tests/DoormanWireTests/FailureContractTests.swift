import DoormanCore
import DoormanWire
import TestKit
import Testing

@Suite("The failure contract")
struct FailureContractTests {
    /// A line of the table in `docs/reference/wire-protocol.md`.
    struct Line: Hashable {
        var code: String
        var reason: String
        var retry: String
        var cached: String
    }

    @Test("the table in docs/reference/wire-protocol.md and the table in code are one")
    func documented() throws {
        let documented = try lines()
        let coded = Failure.allCases.map(Line.init)
        for line in coded { #expect(documented.contains(line), "in code, but not in docs/reference/wire-protocol.md") }
        for line in documented { #expect(coded.contains(line), "in docs/reference/wire-protocol.md, but not in code") }
        #expect(documented.count == coded.count)
    }

    @Test("code and reason name one failure each", arguments: Failure.allCases)
    func isFoundAgain(_ failure: Failure) {
        #expect(Failure(code: failure.row.code, reason: failure.row.reason) == failure)
    }

    @Test(
        "only what the provider said of the token is cached, in the table as in the verdict", arguments: Rejection.Reason.allCases)
    func cached(_ reason: Rejection.Reason) {
        #expect(Failure(reason).row.isCached == Rejection(reason, "no").isCacheable)
    }

    @Test("a refusal never looks like not being able to ask")
    func refusalsAndErrors() {
        let refusals = Set(Rejection.Reason.allCases.map { Failure($0) })
        let codes: [VerificationError.Code] = [
            .providerUnavailable, .providerBusy, .providerMisconfigured, .deadlineExceeded, .unsupported, .invalidRequest,
            .internal,
        ]
        #expect(refusals.isDisjoint(with: codes.map { Failure($0) }))
        #expect(refusals.allSatisfy { $0.row.retry == .no })
        #expect(Failure.allCases.filter { $0.row.code == .unauthenticated }.allSatisfy { refusals.contains($0) })
    }

    /// The rows between the two marks, without head and rule.
    private func lines() throws -> [Line] {
        let text = try GoldenVector.contract().split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(text.firstIndex(of: "<!-- failures: begin -->"))
        let end = try #require(text.firstIndex(of: "<!-- failures: end -->"))
        return text[(begin + 1)..<end].filter { $0.hasPrefix("|") }.dropFirst(2).map { row in
            let cells = row.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()).filter { $0 != "`" }
            }
            return Line(code: cells[1], reason: cells[2], retry: cells[3], cached: cells[4])
        }
    }
}

extension FailureContractTests.Line {
    fileprivate init(_ failure: Failure) {
        let row = failure.row
        let retry =
            switch row.retry {
            case .no: "no"
            case .yes: "yes"
            case .later: "later"
            case .elsewhere: "elsewhere"
            }
        self.init(code: row.code.description, reason: row.reason ?? "–", retry: retry, cached: row.isCached ? "yes" : "no")
    }
}
